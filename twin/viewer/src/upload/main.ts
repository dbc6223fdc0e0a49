/** Starts the page for submitting. */

import { UploadPage } from "./page";

const [header, steps, mapBar, map] = ["page-header", "steps", "map-bar", "map"].map((id) => document.getElementById(id));
if (header && steps && mapBar && map) void new UploadPage(header, steps, mapBar, map, new URL("../", document.baseURI).href, window).start();
