/** Texts of special pieces that llama.cpp knows by themselves, whatever type the file gives them. */

/** Ends of a turn or of the text: control pieces for llama.cpp whatever their type, and generation stops there. */
export const ENDS = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];
/** Fill-in-the-middle pieces, likewise control, where the file does not name the piece by one of the keys. */
export const INFILL: readonly (readonly [keys: readonly string[], ends: boolean, texts: readonly string[]])[] = [
  [
    ["fim_pre_token_id", "prefix_token_id"],
    false,
    ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
  ],
  [
    ["fim_suf_token_id", "suffix_token_id"],
    false,
    ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
  ],
  [
    ["fim_mid_token_id", "middle_token_id"],
    false,
    ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
  ],
  [["fim_pad_token_id"], true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]],
  [["fim_rep_token_id"], true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]],
  [["fim_sep_token_id"], true, ["<|file_sep|>"]],
];
/** Pieces that llama.cpp always makes user-defined. */
export const ALWAYS_SHOWN = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];
