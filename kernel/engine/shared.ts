/** The engine's services as modules among the cells find them. In a plain script and in unit tests there is one realm, and they are made here. */
import type { Services } from "./services.js";

const given = (globalThis as { [key: symbol]: Services | undefined })[Symbol.for("sparselab.engine")];
export const engine: Services = given ?? (await import("./services.js")).services;
