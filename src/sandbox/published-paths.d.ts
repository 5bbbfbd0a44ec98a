/** Discord's published routes by method, as `discord-api-spec` lists them. Its own types come as sources that don't compile here. */
export declare const pathsList: Readonly<Record<string, readonly string[]>>;
