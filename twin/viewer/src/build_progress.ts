/** How far the build of a layer's tiles is, as the server tells it about each second. No CesiumJS here. */

import type { Say } from "./i18n";
import { Reader } from "./json_reader";

export interface BuildProgress {
  readonly dataset: string;
  readonly revision: number;
  readonly done: number;
  /** Null while it is not known how much there is. */
  readonly total: number | null;
  readonly leftS: number | null;
}

/** Returns the progress that the body of an `asset` event tells of; null when it tells of something else. */
export function readBuildProgress(body: unknown): BuildProgress | null {
  try {
    const event = Reader.of(body, "asset");
    const progress = event.object("progress");
    return {
      dataset: event.string("dataset"),
      revision: event.number("revision"),
      done: progress.number("done"),
      total: progress.optional("total", (k) => progress.number(k)),
      leftS: progress.optional("left_s", (k) => progress.number(k)),
    };
  } catch {
    return null;
  }
}

/**
 * Returns what a page that shows the revision `shown` of the layer does on an event: of a build it tells each second, so that one of a
 * revision that is not shown is no reason to ask for the scene.
 */
export function answerTo(progress: BuildProgress | null, shown: number | undefined): "refresh" | "tell" | "ignore" {
  if (progress === null) return "refresh";
  return progress.revision === shown ? "tell" : "ignore";
}

/** Returns what a layer says while it is built: how far that is and how long it still takes, once that can be told. */
export function buildingText(progress: BuildProgress | undefined, say: Say): string {
  if (progress === undefined || progress.done === 0 || progress.total === null || progress.total === 0) return say("state_building");
  const percent = Math.min(99, Math.floor((100 * progress.done) / progress.total));
  return progress.leftS === null ? say("state_building_far", { percent }) : say("state_building_left", { percent, left: duration(progress.leftS) });
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 100 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
