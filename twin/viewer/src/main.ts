/** Starts the page: the only module that knows the document and the address. */

import { App } from "./app";

const view = document.getElementById("view");
const chrome = document.getElementById("chrome");
if (view !== null && chrome !== null) void new App(view, chrome, window).start();
