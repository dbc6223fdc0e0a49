/** Hearing from the server that something has changed: from its event stream, and by asking now and then where that is not to be had. */

export type EventKind = "commit" | "asset" | "submission";

/** `kind` null: nothing in particular, something may have been missed. */
export interface ServerEvent {
  readonly kind: EventKind | null;
  readonly body: unknown;
}

const KINDS: readonly EventKind[] = ["commit", "asset", "submission"];
/** Without a stream the server is asked this often. */
const POLL_MS = 5_000;
/** With one it is still asked, for a proxy may hold events back without closing the connection. */
const SLOW_POLL_MS = 60_000;
/** EventSource comes back by itself after a broken connection, not after a refusal. */
const RETRY_MS = 30_000;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Tells of changes as long as the page is seen; a hidden page holds no connection, and hears of what it missed when it is seen again. */
export class LiveUpdates {
  private source: EventSource | null = null;
  private pollTimer: number | undefined;
  private retryTimer: number | undefined;

  constructor(
    private readonly url: URL,
    private readonly window: Window,
    private readonly heard: (event: ServerEvent) => void,
  ) {}

  /** True while the server's events come in. */
  get isStreaming(): boolean {
    return this.source?.readyState === EventSource.OPEN;
  }

  start(): void {
    const { document } = this.window;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.rest();
      else this.listen(true);
    });
    // A page kept for going back to must not hold a connection either.
    this.window.addEventListener("pagehide", () => {
      this.rest();
    });
    if (!document.hidden) this.listen(false);
  }

  private listen(isStale: boolean): void {
    this.rest();
    if (isStale) this.heard({ kind: null, body: null });
    this.connect();
    this.poll();
  }

  private rest(): void {
    this.source?.close();
    this.source = null;
    this.window.clearTimeout(this.pollTimer);
    this.window.clearTimeout(this.retryTimer);
  }

  private connect(): void {
    const source = new EventSource(this.url);
    this.source = source;
    let wasOpen = false;
    source.onopen = () => {
      if (wasOpen) this.heard({ kind: null, body: null });
      wasOpen = true;
      this.poll();
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.retryTimer = this.window.setTimeout(() => { this.connect(); }, RETRY_MS);
      this.poll();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, ({ data }: MessageEvent<string>) => {
        this.heard({ kind, body: parsed(data) });
      });
    }
    // The server no longer knows what this page has missed.
    source.addEventListener("resync", () => {
      this.heard({ kind: null, body: null });
    });
  }

  private poll(): void {
    this.window.clearTimeout(this.pollTimer);
    this.pollTimer = this.window.setTimeout(
      () => {
        this.heard({ kind: null, body: null });
        this.poll();
      },
      this.isStreaming ? SLOW_POLL_MS : POLL_MS,
    );
  }
}
