/** The engine's services, for modules in the cells' realm. In a plain script and in unit tests there is one realm, and they are loaded here. */
import type { Services } from "./services.js";

const given = (globalThis as { [key: symbol]: Services | undefined })[Symbol.for("sparselab.engine")];
export const engine: Services = given ?? (await import("./services.js")).services;
