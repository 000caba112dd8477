/**
 * JupyterLab in the machine's own Chromium, used as a person does: one server on a folder, pages with a notebook open, menus and toolbar buttons
 * pressed by name, and the errors of the browser's console.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../../scripts/lib/chromium.mjs";
import { type JupyterLab, startJupyterLab } from "../../scripts/lib/jupyterlab.mjs";

const output = join(import.meta.dirname, "..", "output");

/** A cell of a saved notebook, as far as the tests read it. */
export interface SavedCell {
  readonly cell_type: string;
  readonly source: string | readonly string[];
  readonly execution_count?: number | null;
  readonly outputs?: readonly {
    readonly output_type: string;
    readonly ename?: string;
    readonly evalue?: string;
    readonly text?: string | readonly string[];
    readonly data?: Readonly<Record<string, unknown>>;
  }[];
}

/** `state`: where the browser keeps what it would else keep in the home of whoever runs the tests. */
async function startChromium(state: string): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("the browser tests need Chromium or Chrome on this machine");
  return chromium.launch({
    executablePath,
    env: { ...process.env, XDG_CONFIG_HOME: join(state, "config"), XDG_CACHE_HOME: join(state, "cache") } as Record<
      string,
      string
    >,
    chromiumSandbox: process.getuid?.() !== 0,
    args: ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-dev-shm-usage"],
  });
}

export class Lab {
  /** A copy of the source folder: the tests run and save notebooks. */
  readonly folder: string;
  readonly #server: JupyterLab;
  readonly #browser: Browser;

  readonly #temporary: readonly string[];

  private constructor(temporary: [folder: string, state: string], server: JupyterLab, browser: Browser) {
    this.folder = temporary[0];
    this.#temporary = temporary;
    this.#server = server;
    this.#browser = browser;
  }

  /** Starts the server on a copy of `source`. */
  static async start(source: string): Promise<Lab> {
    const folder = mkdtempSync(join(tmpdir(), "sparselab-browser-"));
    cpSync(source, folder, { recursive: true });
    mkdirSync(output, { recursive: true });
    // JupyterLab's state of one test (open tabs, changed settings) must not reach the next test or a user's own session.
    const state = mkdtempSync(join(tmpdir(), "sparselab-state-"));
    const env = { JUPYTERLAB_WORKSPACES_DIR: join(state, "workspaces"), JUPYTERLAB_SETTINGS_DIR: join(state, "settings") };
    const server = await startJupyterLab({ folder, log: join(output, "jupyterlab.log"), env });
    return new Lab([folder, state], server, await startChromium(state));
  }

  async open(notebook: string): Promise<NotebookPage> {
    const page = await this.#browser.newPage({ viewport: { width: 1280, height: 1600 } });
    const opened = new NotebookPage(page, join(this.folder, notebook));
    // Without the tabs of the test before.
    await page.goto(`${this.#server.address(notebook)}&reset`);
    await page.locator(".jp-Notebook .jp-Cell").first().waitFor({ timeout: 60_000 });
    return opened;
  }

  /** Closes a page and shuts down its kernel, which would keep running. */
  async close(opened: NotebookPage): Promise<void> {
    await opened.page.close();
    const kernels = `http://127.0.0.1:${this.#server.port}/api/kernels`;
    const headers = { authorization: `token ${this.#server.token}` };
    for (const { id } of (await (await fetch(kernels, { headers })).json()) as { id: string }[]) {
      await fetch(`${kernels}/${id}`, { method: "DELETE", headers });
    }
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
    for (const folder of this.#temporary) rmSync(folder, { recursive: true, force: true });
  }
}

export class NotebookPage {
  /** Errors of the console, errors that scripts threw, and requests to other machines. */
  readonly complaints: string[] = [];
  readonly page: Page;
  /** Settles when the page has the kernel's info: then its language is in the notebook's metadata. */
  readonly introduced: Promise<void>;
  readonly #path: string;

  constructor(page: Page, path: string) {
    this.page = page;
    this.#path = path;
    this.introduced = new Promise((resolve) => {
      page.on("websocket", (socket) => {
        socket.on("framereceived", ({ payload }) => void (payload.includes("kernel_info_reply") && resolve()));
      });
    });
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.complaints.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (/^(http|ws)s?:$/.test(url.protocol) && url.hostname !== "127.0.0.1")
        this.complaints.push(`asked of another machine: ${url}`);
    });
  }

  /** Presses entries of the menu bar, outermost first. */
  async menu(...names: string[]): Promise<void> {
    const [bar, ...entries] = names;
    await this.page.locator(".lm-MenuBar-itemLabel", { hasText: new RegExp(`^${bar}$`) }).click();
    for (const entry of entries) await this.page.locator(".lm-Menu-itemLabel", { hasText: new RegExp(`^${entry}$`) }).click();
  }

  /** Waits until the kernel is connected and idle. */
  async idle(timeout: number): Promise<void> {
    await this.page.locator('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor({ timeout });
  }

  /**
   * Clears all outputs, runs all cells, and waits until the last one is done. Returns the cells as they are saved.
   * Cleared, because saved outputs would be taken for new ones.
   */
  async runAll(timeout: number): Promise<readonly SavedCell[]> {
    await this.idle(60_000);
    await this.menu("Edit", "Clear Outputs of All Cells");
    await this.save();
    await this.menu("Run", "Run All Cells");
    const deadline = performance.now() + timeout;
    for (; performance.now() < deadline; await sleep(1000)) {
      await this.idle(deadline - performance.now());
      const cells = await this.save();
      const ran = cells.every((cell) => cell.cell_type !== "code" || typeof cell.execution_count === "number");
      if (ran || cells.some((cell) => cell.outputs?.some((output) => output.output_type === "error"))) return cells;
    }
    throw new Error(`the notebook did not finish within ${timeout / 1000} s`);
  }

  /** Saves the notebook, and reads the file. */
  async save(): Promise<readonly SavedCell[]> {
    const written = this.page.waitForResponse(
      (response) => response.request().method() === "PUT" && response.url().includes("/api/contents/"),
    );
    // A key pressed while a menu closes may be lost.
    const press = () => this.page.keyboard.press("Control+s");
    const again = setInterval(() => void press().catch(() => undefined), 5000);
    try {
      await Promise.all([press(), written]);
    } finally {
      clearInterval(again);
    }
    return this.saved();
  }

  /** Whether JupyterLab marks the notebook as changed since it was last saved: its tab has a dot. */
  async isChanged(): Promise<boolean> {
    return (await this.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab.jp-mod-current.jp-mod-dirty").count()) > 0;
  }

  saved(): readonly SavedCell[] {
    return (JSON.parse(readFileSync(this.#path, "utf8")) as { cells: SavedCell[] }).cells;
  }

  /** Scrolls through the notebook from top to bottom and calls `look` on every screen. */
  async scroll(look: (screen: number) => Promise<void>): Promise<void> {
    const body = this.page.locator(".jp-WindowedPanel-outer").first();
    for (let screen = 0; screen < 40; screen++) {
      await body.evaluate((element, top) => element.scrollTo(0, top), screen * 1300);
      await this.#drawn();
      await look(screen);
      const done = await body.evaluate((element) => element.scrollTop + element.clientHeight >= element.scrollHeight - 2);
      if (done) return;
    }
  }

  /** Waits until the visible part of the notebook has been drawn: its cells for some frames, its pictures, and each figure by plotly. */
  async #drawn(): Promise<void> {
    const state = `(() => {
      const outputs = [...document.querySelectorAll(".jp-OutputArea-output")].filter((output) => {
        const { top, bottom } = output.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
      });
      const figures = outputs.flatMap((output) => [...output.querySelectorAll('[id^="figure-"]')]);
      const images = outputs.flatMap((output) => [...output.querySelectorAll("img")]);
      const drawn = figures.every((figure) => figure.querySelector(".main-svg")) && images.every((image) => image.complete);
      const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")].map((cell) => cell.offsetTop + " " + cell.offsetHeight);
      return drawn ? cells.join() : undefined;
    })()`;
    await this.page.evaluate(`new Promise((resolve) => {
      let last, frames = 0;
      const look = () => {
        const now = ${state};
        frames = now !== undefined && now === last ? frames + 1 : 0;
        last = now;
        frames === 10 ? resolve() : requestAnimationFrame(look);
      };
      look();
    })`);
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join(output, `${name}.png`) });
  }
}
