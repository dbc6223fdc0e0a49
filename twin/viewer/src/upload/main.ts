/** Starts the page for submitting. */

import { UploadPage } from "./page";

const [header, spoken, steps, mapBar, map] = ["page-header", "spoken", "steps", "map-bar", "map"].map((id) => document.getElementById(id));
if (header && spoken && steps && mapBar && map) void new UploadPage(header, spoken, steps, mapBar, map, new URL("../", document.baseURI).href, window).start();
