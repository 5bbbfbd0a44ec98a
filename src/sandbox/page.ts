import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/**
 * What a browser is to keep to on these pages: nothing from elsewhere, no script or style but from files of ours, and
 * nobody may frame them. The gateway is named beside 'self', which older browsers do not take for WebSockets.
 */
export const pageHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/** Serves a folder of built files, its `index.html` at `/`. What is not in it stays not found. */
export function servePage(http: FastifyInstance, folder: URL): void {
  http.get('/*', async (request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    const file = path.startsWith('/api/') ? undefined : await fileAt(folder, path === '/' ? '/index.html' : path);
    if (file === undefined) return path === '/' ? reply.code(503).send(notBuilt) : reply.callNotFound();
    // The names of assets are made of what they hold; the page that names them changes under one name.
    const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    return reply.headers({ ...pageHeaders, 'cache-control': cache, 'content-type': file.type }).send(file.bytes);
  });
}

const notBuilt = 'The page is not built. `npm run build` builds it.';

async function fileAt(folder: URL, path: string): Promise<{ bytes: Buffer; type: string } | undefined> {
  const name = decoded(path);
  const type = types[extname(path)];
  // After this there is no `..` left in it that could lead out of the folder.
  if (name === undefined || type === undefined || normalize(name) !== name) return undefined;
  try {
    return { bytes: await readFile(join(fileURLToPath(folder), name)), type };
  } catch {
    return undefined;
  }
}

function decoded(path: string): string | undefined {
  try {
    const name = decodeURIComponent(path);
    return name.includes('\0') || name.includes('\\') ? undefined : name;
  } catch {
    return undefined;
  }
}
