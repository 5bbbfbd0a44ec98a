import { spawnSync } from 'node:child_process';

/** Tests that start the program start what was built from the sources as they are. Faults in them are `npm run check`'s to tell. */
export function setup(): void {
  spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'ignore' });
}
