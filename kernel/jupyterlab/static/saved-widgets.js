/**
 * An extension of JupyterLab that keeps saved widgets in a notebook. With its setting `saveState` (set-up turns it on), the widget manager
 * saves only widgets whose kernel is alive, and marks a notebook as changed when it only reads saved widgets: to open a notebook and
 * save it, or to leave it open until JupyterLab saves by itself, takes all its widgets away.
 *
 * Here a notebook is marked as changed by a widget that is not in the file, and a save keeps what an output still shows.
 *
 * JupyterLab loads this file as it is: a module federation container, written by hand because it needs no build.
 */
(() => {
  const mime = "application/vnd.jupyter.widget-state+json";
  const view = "application/vnd.jupyter.widget-view+json";
  let scope;

  /** Another extension's module, the one that runs on this page. */
  async function shared(name) {
    const [version] = Object.values(scope[name] ?? {});
    if (!version) throw new Error(`${name} is not on this page`);
    return (await version.get())();
  }

  const saved = (notebook) => notebook.getMetadata("widgets")?.[mime]?.state ?? {};

  /** Ids of the widgets in the cells' outputs. */
  function* widgetsInOutputs(notebook) {
    for (const cell of notebook.cells) {
      if (cell.type !== "code") continue;
      for (let i = 0; i < cell.outputs.length; i++) {
        const id = cell.outputs.get(i).data[view]?.model_id;
        if (id !== undefined) yield id;
      }
    }
  }

  /** Ids that a widget's state names: its children, its looks, and what an output area holds. */
  const widgetsInState = (entry) =>
    [...JSON.stringify(entry.state).matchAll(/"(?:IPY_MODEL_|model_id":")([^"]+)"/g)].map(([, id]) => id);

  function keepSavedWidgets({ WidgetManager }, { serialize_state }) {
    const own = WidgetManager.prototype;
    const base = Object.getPrototypeOf(own);

    own.register_model = function (id, promise) {
      base.register_model.call(this, id, promise);
      if (!Object.hasOwn(saved(this.context.model), id)) this.setDirty();
    };

    own._saveState = function () {
      const notebook = this.context.model;
      const before = saved(notebook);
      const now = this.get_state_sync({ drop_defaults: true });
      // A widget that has lost its kernel in this session is saved as the page shows it, one that never had it as it was read.
      const orphan = (id) => {
        const model = this._modelsSync.get(id);
        return model?.comm ? serialize_state([model], { drop_defaults: true }).state[id] : before[id];
      };
      const open = [...widgetsInOutputs(notebook), ...Object.values(now.state).flatMap(widgetsInState)];
      while (open.length) {
        const id = open.pop();
        const entry = Object.hasOwn(now.state, id) ? undefined : orphan(id);
        if (!entry) continue;
        now.state[id] = entry;
        open.push(...widgetsInState(entry));
      }
      if (Object.keys(now.state).length) notebook.setMetadata("widgets", { [mime]: now });
      else if (Object.keys(before).length) notebook.deleteMetadata("widgets");
    };
  }

  const plugin = {
    id: "sparselab-saved-widgets:plugin",
    description: "Keeps saved widgets in a notebook that is saved without its kernel",
    autoStart: true,
    activate() {},
  };

  globalThis._JUPYTERLAB ??= {};
  globalThis._JUPYTERLAB["sparselab-saved-widgets"] = {
    init(given) {
      scope = given;
    },
    /** Called for "./extension" once every extension is on the page, and before any of them is activated. */
    async get() {
      keepSavedWidgets(await shared("@jupyter-widgets/jupyterlab-manager"), await shared("@jupyter-widgets/base-manager"));
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
