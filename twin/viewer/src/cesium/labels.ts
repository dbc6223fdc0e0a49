/** Names of areas, written as HTML over the picture so that the browser sets the Chinese text, never two in one place. */

import { Cartesian2, Cartesian3, Cartographic, type CesiumWidget, Math as CesiumMath, SceneTransforms } from "@cesium/engine";

import type { LabelPlace } from "../vector_tile";

interface Label {
  readonly text: string;
  readonly area: number;
  readonly place: Cartographic;
  /** Ellipsoidal height of the ground there; null while no terrain tile has said it. */
  groundM: number | null;
  element: HTMLElement | null;
}

const MOST_LABELS = 40;
const CHARACTER_PX = 14;
const LINE_PX = 20;
/** A place whose ground in the picture lies further off than this share of its distance is not in the picture. */
const LARGEST_MISS = 0.1;
/** Near by, a name may stand this far from the ground that is drawn. */
const LEAST_MISS_M = 100;

/** Returns longitude and latitude (radians) of a point of the Web Mercator square, y down. */
function fromMercatorSquare({ x, y }: LabelPlace): Cartographic {
  return new Cartographic((x - 0.5) * CesiumMath.TWO_PI, Math.atan(Math.sinh(Math.PI * (1 - 2 * y))));
}

export class PlaceLabels {
  private readonly labels = new Map<object, Map<number, Label>>();
  private readonly hidden = new Set<object>();

  constructor(
    private readonly widget: CesiumWidget,
    private readonly container: HTMLElement,
  ) {
    const { globe, postRender } = widget.scene;
    postRender.addEventListener(() => {
      this.draw();
    });
    globe.tileLoadProgressEvent.addEventListener((queued: number) => {
      if (queued === 0) this.forgetGround();
    });
  }

  /** Takes one place for the name of a feature of `owner`; the place where most of the feature was seen stays. */
  offer(owner: object, fid: number, text: string, place: LabelPlace): void {
    const labels = this.labels.get(owner) ?? new Map<number, Label>();
    this.labels.set(owner, labels);
    const known = labels.get(fid);
    if (known !== undefined && known.area >= place.area) return;
    known?.element?.remove();
    labels.set(fid, { text, area: place.area, place: fromMercatorSquare(place), groundM: null, element: null });
  }

  setVisible(owner: object, visible: boolean): void {
    if (visible) this.hidden.delete(owner);
    else this.hidden.add(owner);
  }

  clear(owner: object): void {
    for (const label of this.labels.get(owner)?.values() ?? []) label.element?.remove();
    this.labels.delete(owner);
    this.hidden.delete(owner);
  }

  /** A more detailed tile may have come: ask again. */
  private forgetGround(): void {
    for (const labels of this.labels.values()) for (const label of labels.values()) label.groundM = null;
  }

  private draw(): void {
    const taken: DOMRect[] = [];
    const written = new Set<string>();
    const all = [...this.labels].flatMap(([owner, labels]) => [...labels.values()].map((label) => ({ label, hidden: this.hidden.has(owner) })));
    for (const { label, hidden } of all.sort((a, b) => b.label.area - a.label.area)) {
      // A name that stands there already says nothing new the tenth time.
      const position = hidden || taken.length >= MOST_LABELS || written.has(label.text) ? null : this.position(label);
      const box = position === null ? null : this.boxOf(label, position);
      if (position === null || box === null || taken.some((other) => overlaps(box, other)) || !this.isOnGround(position, box)) {
        label.element?.remove();
        label.element = null;
        continue;
      }
      taken.push(box);
      written.add(label.text);
      this.show(label, box);
    }
  }

  private position(label: Label): Cartesian3 {
    label.groundM ??= this.widget.scene.globe.getHeight(label.place) ?? null;
    return Cartesian3.fromRadians(label.place.longitude, label.place.latitude, label.groundM ?? 0);
  }

  /** Returns whether the ground that is drawn there is that of the place: outside the picture the ground is known roughly, kilometres too low, and would be in it. */
  private isOnGround(position: Cartesian3, box: DOMRect): boolean {
    const { camera, globe } = this.widget.scene;
    const ray = camera.getPickRay(new Cartesian2(box.x + box.width / 2, box.y + box.height / 2));
    const ground = ray === undefined ? undefined : globe.pick(ray, this.widget.scene);
    if (ground === undefined) return true;
    const distanceM = Cartesian3.distance(camera.positionWC, position);
    return Cartesian3.distance(ground, position) <= Math.max(LEAST_MISS_M, LARGEST_MISS * distanceM);
  }

  private boxOf(label: Label, position: Cartesian3): DOMRect | null {
    const { scene } = this.widget;
    const toCamera = Cartesian3.subtract(scene.camera.positionWC, position, new Cartesian3());
    const isBehindHorizon = Cartesian3.dot(scene.ellipsoid.geodeticSurfaceNormal(position), toCamera) < 0;
    if (isBehindHorizon) return null;
    const window = SceneTransforms.worldToWindowCoordinates(scene, position);
    if (window === undefined) return null;
    const { clientWidth, clientHeight } = scene.canvas;
    if (window.x < 0 || window.y < 0 || window.x > clientWidth || window.y > clientHeight) return null;
    const width = label.text.length * CHARACTER_PX;
    return new DOMRect(window.x - width / 2, window.y - LINE_PX / 2, width, LINE_PX);
  }

  private show(label: Label, box: DOMRect): void {
    if (label.element === null) {
      label.element = document.createElement("span");
      label.element.className = "place-label";
      label.element.textContent = label.text;
      this.container.append(label.element);
    }
    label.element.style.transform = `translate(${Math.round(box.x + box.width / 2)}px, ${Math.round(box.y + box.height / 2)}px) translate(-50%, -50%)`;
  }
}

function overlaps(a: DOMRect, b: DOMRect): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
