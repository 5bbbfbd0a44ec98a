import { ConfigError } from '../errors.js';

/** The program was told something that it can't do; the message is for whoever told it. */
export class Misuse extends ConfigError {
  override name = 'Misuse';
}
