import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, type Frame, FrameReader } from "./pipe.js";

test("frames are read from a stream that is cut anywhere", () => {
  const frame = fc.record({
    message: fc.record({ text: fc.string({ unit: "binary" }) }),
    buffers: fc.array(fc.uint8Array({ maxLength: 20 })),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(40), { minLength: 1 }), (frames, cuts) => {
      const whole = Buffer.concat(frames.map((f) => encodeFrame(f.message, f.buffers)));
      const reader = new FrameReader<{ text: string }>();
      const read: Frame<{ text: string }>[] = [];
      for (let at = 0, n = 0; at < whole.length; n++) {
        const end = at + 1 + cuts[n % cuts.length]!;
        read.push(...reader.push(whole.subarray(at, end)));
        at = end;
      }
      expect(read.map((f) => f.message.text)).toEqual(frames.map((f) => f.message.text));
      expect(read.map((f) => f.buffers.map((b) => [...b]))).toEqual(frames.map((f) => f.buffers.map((b) => [...b])));
    }),
  );
});
