// Lays out the published ranks of o200k_base as src/vocabulary.ts reads them. A part of `npm run build`.
import { readFileSync, writeFileSync } from 'node:fs';
import { packVocabulary } from '../dist/src/vocabulary.js';

const published = new URL(import.meta.resolve('gpt-tokenizer/data/o200k_base.tiktoken'));
const tokens = readFileSync(published, 'latin1')
  .trimEnd()
  .split('\n')
  .map((line) => Buffer.from(line.slice(0, line.indexOf(' ')), 'base64'));
writeFileSync(new URL(import.meta.resolve('#vocabulary')), packVocabulary(tokens));
