/** The surveyor's token: in this tab's session storage, nowhere else, never in an address. */

const KEY = "twin-token";

export class TokenKeeper {
  constructor(private readonly storage: Storage) {}

  get(): string | null {
    return this.storage.getItem(KEY);
  }

  /** Keeps a token; an empty one is forgotten. */
  set(token: string): void {
    if (token === "") this.storage.removeItem(KEY);
    else this.storage.setItem(KEY, token);
  }
}
