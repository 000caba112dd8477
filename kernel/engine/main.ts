/**
 * The engine: the process that runs the cells. This file runs in the cells' realm. It loads the engine's own code into another realm
 * (own-realm.ts) and hands it what belongs to the cells: how they import, and their comms.
 */
import { receiveComm } from "../comms/comm.js";
import { connectHost } from "../comms/host.js";
import { cellMeta, cellModule, cellRequire, load, loadWhole, pick } from "./modules.js";
import { loadInOwnRealm } from "./own-realm.js";

const core = (await loadInOwnRealm(new URL("./core.js", import.meta.url))) as unknown as typeof import("./core.js");
core.start({
  watch: new URL("./watch.js", import.meta.url),
  imports: { load, pick, require: cellRequire, whole: loadWhole, module: cellModule, meta: cellMeta },
  comms: { connectHost, receiveComm },
});
