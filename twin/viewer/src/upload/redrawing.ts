/** When a page is built anew: soon after something has changed, and never under a hand. */

/** The bit of the primary button in `MouseEvent.buttons`; 0 is its number in `MouseEvent.button`. */
const PRIMARY = 1;

/**
 * Draws once however much has changed, when whoever changed it has done: not while focus is on its way from one control to the
 * next, nor between the press and the release of a button, for the control that would get them would be gone.
 */
export class Redrawing {
  private isWanted = false;
  private isPressed = false;

  constructor(
    private readonly window: Window,
    private readonly draw: () => void,
  ) {
    const released = (): void => {
      this.isPressed = false;
      this.soon();
    };
    // Other buttons press no control, and the menu they open may swallow their release.
    window.addEventListener("pointerdown", ({ button }) => { this.isPressed ||= button === 0; }, { capture: true });
    for (const end of ["pointerup", "pointercancel"] as const) window.addEventListener(end, released, { capture: true });
    this.listenForUnheardReleases(released);
  }

  /** Outside of the window, or in the list of a `select`, a release is not heard: it is told by what cannot come before it. */
  private listenForUnheardReleases(released: () => void): void {
    const { window } = this;
    // Of the window itself, not of what lies in it.
    window.addEventListener("blur", released);
    window.addEventListener("keydown", released, { capture: true });
    window.addEventListener("pointermove", ({ buttons }) => {
      if (this.isPressed && (buttons & PRIMARY) === 0) released();
    }, { capture: true });
    // A text changes when it loses focus, which is at the press.
    window.addEventListener("change", ({ target }) => {
      if ((target as Partial<Node> | null)?.nodeName === "SELECT") released();
    }, { capture: true });
  }

  request(): void {
    this.isWanted = true;
    this.soon();
  }

  private soon(): void {
    this.window.setTimeout(() => {
      if (!this.isWanted || this.isPressed) return;
      this.isWanted = false;
      this.draw();
    });
  }
}
