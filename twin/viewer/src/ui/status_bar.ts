/** Position and height under the cursor, the scale, and whether something is still loading. */

import { fixed } from "../figures";
import { type SeparationGrid, separationAt } from "../heights";
import type { Say } from "../i18n";
import { h } from "./dom";

export interface CursorPosition {
  readonly lonDeg: number;
  readonly latDeg: number;
  /** Ellipsoidal height h of the ground, metres. */
  readonly heightM: number;
}

const WIDEST_BAR_PX = 110;
const NOTICE_MS = 8_000;

/** Returns the longest of 1, 2, 5 × 10ⁿ metres that fits the bar, with its length in pixels. */
export function scaleStep(metresPerPixel: number): { readonly metres: number; readonly px: number } {
  const longest = metresPerPixel * WIDEST_BAR_PX;
  const decade = 10 ** Math.floor(Math.log10(longest));
  const metres = ([5, 2, 1].find((step) => step * decade <= longest) ?? 1) * decade;
  return { metres, px: metres / metresPerPixel };
}

/** The line at the bottom; it is updated in place, because it changes with every move of the mouse. */
export class StatusBar {
  readonly element: HTMLElement;
  private readonly position = h("span", { class: "position" });
  private readonly bar = h("span", { class: "scale-bar" });
  private readonly length = h("span", { class: "scale-length" });
  private readonly loading: HTMLElement;
  private readonly notice = h("span", { class: "notice", role: "status" });

  constructor(private readonly say: Say) {
    this.loading = h("span", { class: "loading", role: "status", hidden: true }, h("span", { class: "spinner", "aria-hidden": "true" }), say("loading"));
    const scale = h("span", { class: "scale" }, this.bar, this.length);
    this.element = h("footer", { class: "status-bar" }, this.loading, this.notice, this.position, scale, h("span", { class: "credit" }, "CesiumJS"));
  }

  /** Shows the height above sea level where the separation is known, else above the ellipsoid, and says which. */
  showPosition(cursor: CursorPosition | null, grid: SeparationGrid | null): void {
    if (cursor === null) {
      this.position.textContent = "";
      return;
    }
    const separationM = grid === null ? null : separationAt(grid, cursor.lonDeg, cursor.latDeg);
    const height =
      separationM === null
        ? `${this.say("ellipsoidal_height")} ${fixed(cursor.heightM, 2)} m`
        : `H ${fixed(cursor.heightM - separationM, 2)} m`;
    this.position.textContent = `${fixed(cursor.lonDeg, 6)}°, ${fixed(cursor.latDeg, 6)}°  ${height}`;
    this.position.title = this.say("coordinates");
  }

  showScale(metresPerPixel: number | null): void {
    if (metresPerPixel === null || !(metresPerPixel > 0)) {
      this.bar.style.width = "0";
      this.length.textContent = "";
      return;
    }
    const { metres, px } = scaleStep(metresPerPixel);
    this.bar.style.width = `${Math.round(px)}px`;
    this.length.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
  }

  /** Shows what another bar showed: the panels were built anew, in another language perhaps. */
  takeOver(other: StatusBar): void {
    this.position.textContent = other.position.textContent;
    this.length.textContent = other.length.textContent;
    this.bar.style.width = other.bar.style.width;
    this.loading.hidden = other.loading.hidden;
    if (other.notice.textContent !== "") this.showNotice(other.notice.textContent);
  }

  /** Shows for a while what has happened by itself. */
  showNotice(text: string): void {
    this.notice.textContent = text;
    window.setTimeout(() => {
      this.notice.textContent = "";
    }, NOTICE_MS);
  }

  showLoading(loading: boolean): void {
    this.loading.hidden = !loading;
  }
}
