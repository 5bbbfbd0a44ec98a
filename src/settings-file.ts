import { join, resolve } from 'node:path';
import dotenv from 'dotenv';
import { settings } from './config.js';

/**
 * Adds the settings of a file `.env` to an environment, which counts more: of the one in `here`, where the program is run, if
 * it says anything about Parley, for other programs have such files too, or else of the one in `own`, the program's folder.
 * In that one, and only there, a relative DATABASE_PATH means the program's folder: so `parley` finds the same conversations
 * from everywhere. The two are never mixed: the key of one is not for the server of the other.
 */
export function readSettingsFile(environment: NodeJS.ProcessEnv, here: string, own: string): void {
  const folder = [here, own].find((each) => Object.keys(valuesIn(each)).some((name) => Object.hasOwn(settings, name)));
  if (folder === undefined) return;
  const values = valuesIn(folder);
  if (folder !== here) values.DATABASE_PATH = resolve(own, values.DATABASE_PATH || settings.DATABASE_PATH.byDefault);
  for (const [name, value] of Object.entries(values)) environment[name] ??= value;
}

function valuesIn(folder: string): Record<string, string> {
  const values: Record<string, string> = {};
  dotenv.config({ path: join(folder, '.env'), processEnv: values, quiet: true });
  return values;
}
