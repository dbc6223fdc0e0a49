/** When a page is built anew: soon after something has changed, and never under a hand. */

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
    const press = (isPressed: boolean) => (): void => {
      this.isPressed = isPressed;
      if (!isPressed) this.soon();
    };
    window.addEventListener("pointerdown", press(true), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, press(false), { capture: true });
    // Of the window itself, not of what lies in it: a release outside is never heard.
    window.addEventListener("blur", press(false));
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
