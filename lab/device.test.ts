/** Which device an option means, on a machine without a GPU: the real library is not built, the emulated one is. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folder, writeSmallLlama } from "../test/support/small-llama.js";
import { checkDevice, chooseDevice } from "./device.js";
import { corpus } from "./measures/corpus.js";
import { measure } from "./measures/measure.js";
import { load } from "./model/load.js";

const before = process.env.SPARSELAB_CUDA;
beforeEach(() => {
  delete process.env.SPARSELAB_CUDA;
});
afterEach(() => {
  if (before === undefined) delete process.env.SPARSELAB_CUDA;
  else process.env.SPARSELAB_CUDA = before;
});

describe("the option device", () => {
  it("takes auto, cpu, cuda and cuda:N, and names the nearest of others", () => {
    for (const option of [undefined, "auto", "cpu", "cuda", "cuda:0", "cuda:12"]) checkDevice(option);
    expect(() => checkDevice("hybrid")).toThrow('device "hybrid" is not available yet; use "cuda"');
    expect(() => checkDevice("gpu")).toThrow(/unknown device "gpu"/);
    expect(() => checkDevice("cuda:x")).toThrow(/Did you mean "cuda:0"/);
    expect(() => checkDevice(0)).toThrow('device must be one of "auto", "cpu", "cuda", "cuda:1", received 0');
  });

  it("auto is the CPU where no GPU can be used, and says why", async () => {
    const chosen = await chooseDevice();
    expect(chosen).toMatchObject({ backend: "cpu", name: "cpu" });
    expect(chosen.why).toMatch(/this build has no CUDA backend|there is no NVIDIA driver|there is no CUDA device/);
    process.env.SPARSELAB_CUDA = "emulated";
    expect(await chooseDevice("auto")).toMatchObject({ name: "cpu", why: expect.stringContaining("slower") });
  });

  it("cuda without a GPU is an error with a way out", async () => {
    await expect(chooseDevice("cuda")).rejects.toMatchObject({
      code: "no-device",
      message: expect.stringMatching(/use device "cpu"/),
    });
    process.env.SPARSELAB_CUDA = "emulate";
    await expect(chooseDevice("cuda")).rejects.toThrow('SPARSELAB_CUDA is "emulate"; expected "emulated"');
  });

  it("cuda on the emulator runs a model, and every report names the device", async () => {
    process.env.SPARSELAB_CUDA = "emulated";
    await expect(chooseDevice("cuda:3")).rejects.toThrow("CUDA device 3 does not exist; this machine has 1: 0 to 0");
    const dir = await folder();
    try {
      const file = writeSmallLlama(dir.path);
      const gpu = await load(file, { device: "cuda", activation: "relu", quiet: true });
      const cpu = await load(file, { device: "cpu", activation: "relu", quiet: true });
      expect(gpu.device).toBe("cuda:0 (emulated)");
      expect(cpu.device).toBe("cpu");
      expect(gpu.memory.device).toBeGreaterThan(0);
      expect(gpu.memory.pinned).toBeGreaterThan(0);
      expect([cpu.memory.device, cpu.memory.pinned]).toEqual([0, 0]);
      const tokens = [1, 5, 9, 13];
      const [a, b] = [await gpu.run(tokens), await cpu.run(tokens)];
      for (let i = 0; i < b.logits.data.length; i++) expect(a.logits.data[i]).toBeCloseTo(b.logits.data[i]!, 4);
      const report = await measure(gpu, corpus.text("b c d e f g h i j k"), { measure: ["sparsity"], window: 4 });
      expect(report.provenance.device).toBe("cuda:0 (emulated)");
      // Another load of the file shares the weights on the device.
      const again = await load(file, { device: "cuda", activation: "relu", quiet: true });
      expect(again.device).toBe(gpu.device);
      await expect(load(file, { device: "cuda", arithmetic: "int8", quiet: true })).rejects.toThrow(
        /arithmetic "int8" is the CPU's/,
      );
    } finally {
      await dir.remove();
    }
  });
});
