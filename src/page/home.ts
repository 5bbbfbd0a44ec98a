/** One of the people that the page can be. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly token: string;
  readonly mayManage: boolean;
}

/** Who there is in the sandbox, and the bot that everything is about. */
export interface Home {
  readonly people: readonly Person[];
  readonly application: {
    readonly id: string;
    readonly name: string;
    readonly messageContent?: 'off' | 'limited' | 'on';
  };
  readonly guildId: string;
}

export async function fetchHome(): Promise<Home> {
  const response = await fetch('/sandbox/home');
  if (!response.ok) throw new Error(`The sandbox answered ${response.status}`);
  // The sandbox's own route, of the same version as the page.
  return (await response.json()) as Home;
}

const key = 'person';

/** Who one was in this tab, else the first of the people. Each tab can be somebody else. */
export const chosenPerson = ({ people }: Home): Person | undefined =>
  people.find(({ id }) => id === sessionStorage.getItem(key)) ?? people[0];

export const choosePerson = ({ id }: Person): void => sessionStorage.setItem(key, id);
