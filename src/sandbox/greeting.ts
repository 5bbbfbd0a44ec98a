/** What somebody reads who started the bot without a token: what this is, where it is, and how to leave it behind. */
export const welcome = (origin: string, chatOrigin: string): string =>
  [
    '',
    'THIS IS THE SANDBOX: a Discord of your own, on this machine only. Nobody on Discord sees what happens here.',
    `Answers come from ${chatOrigin}.`,
    '',
    `  ${origin}`,
    '',
    'To go live: make a bot in Discord’s developer portal, put its DISCORD_TOKEN and your OPENAI_API_KEY into a file',
    '.env here, and run npm start again. README.md says where to click.',
    '',
  ].join('\n');

/** What somebody needs to log in with a bot of their own, the libraries that most are written with in their own words. */
export const invitation = (origin: string, apiUrl: string, token: string): string =>
  [
    '',
    'THIS IS THE SANDBOX: a Discord of your own, on this machine only, and no bot in it yet. Log in with yours:',
    '',
    `  token      ${token}`,
    `  REST API   ${apiUrl}`,
    `  page       ${origin}`,
    '',
    'discord.js:',
    `  new Client({ intents, rest: { api: '${apiUrl}' } })`,
    'discord.py:',
    `  discord.http.Route.BASE = '${apiUrl}/v10'`,
    `  discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL('${origin.replace('http', 'ws')}')`,
    '',
  ].join('\n');
