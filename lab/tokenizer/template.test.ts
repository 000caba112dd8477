/** Conversations as text: the file's template, MiniCPM's, and none. */
import { describe, expect, it } from "vitest";
import { smallVocabulary } from "../../test/support/vocabularies.js";
import { createTokenizer, type Message } from "./index.js";

const withTemplate = (template: string) =>
  createTokenizer(smallVocabulary([], { meta: { "tokenizer.chat_template": template } }));
const plain = createTokenizer(smallVocabulary([]));
const user: Message = { role: "user", content: " hi " };

describe("template", () => {
  it("renders the file's template, with the opening of the answer", () => {
    const tokenizer = withTemplate(
      "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] | trim }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
    );
    expect(tokenizer.template([user])).toBe("[user]hi</s>[assistant]");
    expect(tokenizer.template([user, { role: "assistant", content: "yes" }])).toBe("[user]hi</s>[assistant]yes</s>");
  });
  it("leaves out the BOS that encoding adds", () => {
    const source = "{{ bos_token }}{{ messages[0].content }}";
    expect(withTemplate(source).template([user])).toBe(" hi ");
    const meta = { "tokenizer.chat_template": source, "tokenizer.ggml.add_bos_token": false };
    expect(createTokenizer(smallVocabulary([], { meta })).template([user])).toBe("<s> hi ");
  });
  it("knows MiniCPM by its name or its markers", () => {
    const turns: Message[] = [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ];
    const byName = createTokenizer(smallVocabulary([], { meta: { "general.name": "MiniCPM-S-1B-sft" } }));
    const byPieces = createTokenizer(
      smallVocabulary([
        ["<用户>", 0, 1],
        ["<AI>", 0, 1],
      ]),
    );
    for (const tokenizer of [byName, byPieces]) expect(tokenizer.template(turns)).toBe("<用户>a<AI>b<用户>c<AI>");
  });
  it("is an error where there is none, where it is broken, and where it refuses", () => {
    expect(() => plain.template([user])).toThrow(/no tokenizer\.chat_template.*as a string/);
    expect(() => withTemplate("{% for %}").template([user])).toThrow(/tokenizer\.chat_template: expected a Jinja template/);
    expect(() => withTemplate("{{ raise_exception('roles must alternate') }}").template([user])).toThrow(
      /chat template refuses these messages: roles must alternate$/,
    );
  });
  it.each([
    [
      "{{ messages[0].content | wordwrap }}",
      /uses the filter "wordwrap", which the template library .* lacks\. Pass the prompt as a string/,
    ],
    ["{{ messages[0].content | center(9) }}", /uses the filter "center"/],
    ["{{ messages | batch(2) }}", /uses the filter "batch"/],
    ["{{ messages[0] | xmlattr }}", /uses the filter "xmlattr"/],
    ["{% if messages[0].content is divisibleby %}a{% endif %}", /uses the test "divisibleby"/],
    ["{{ messages | selectattr('role', 'sameas', 'user') | list }}", /uses the test "sameas"/],
    ["{{ messages[0].content.removeprefix('a') }}", /could not be rendered: .*Pass the prompt as a string/],
    ["{{ unheard_of() }}", /could not be rendered: /],
    ["{% frobnicate %}", /does not parse: .*frobnicate.*Pass the prompt as a string/],
  ])("tells what the library lacks from a refusal: %s", (source, says) => {
    const attempt = () => withTemplate(source).template([user]);
    expect(attempt).toThrow(says);
    expect(attempt).not.toThrow(/refuses these messages/);
  });
  it("refuses values that are not messages", () => {
    expect(() => plain.template([])).toThrow(/at least one message/);
    expect(() => plain.template([{ role: "usr" as never, content: "" }])).toThrow(/"usr".*"user"/);
    expect(() => plain.template([{ role: "user", content: 1 as never }])).toThrow(/content as a string, received number/);
  });
});
