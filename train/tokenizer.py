"""A sentencepiece BPE vocabulary that llama.cpp's "llama" (SPM) tokenizer reads in the same way.

No normalisation at all, spaces kept, byte fallback for every other character, <unk> 0, <s> 1, </s> 2; digits one by one;
<用户> and <AI> are user-defined symbols (MiniCPM-S's chat template). A new line is the byte token <0x0A>.
"""

import io
import re

import sentencepiece as spm

CHAT = ["<用户>", "<AI>"]
BOS, EOS = 1, 2


def train(texts, path, vocab):
    """texts -> a vocabulary of `vocab` pieces in the file `path`; one thread, so that the same texts give the same file"""
    lines = (line for t in texts for line in re.split("|".join(CHAT) + "|\n", t) if line)
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=out,
        vocab_size=vocab,
        model_type="bpe",
        byte_fallback=True,
        add_dummy_prefix=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        user_defined_symbols=CHAT,
        unk_id=0,
        bos_id=BOS,
        eos_id=EOS,
        pad_id=-1,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(out.getvalue())


class Tokenizer:
    def __init__(self, path):
        self.sp = spm.SentencePieceProcessor(model_file=str(path))
        self.chat = {s: self.sp.piece_to_id(s) for s in CHAT}

    def __len__(self):
        return len(self.sp)

    def encode(self, text):
        """Special symbols cut first; a part after one begins with a space of its own (llama.cpp, Hugging Face "legacy")."""
        parts = re.split("(" + "|".join(CHAT) + ")", text)
        return [i for p in parts if p for i in ([self.chat[p]] if p in self.chat else self.sp.encode(p))]

    def document(self, text):
        """text -> <s> ... </s>"""
        return [BOS, *self.encode(text), EOS]

    def decode(self, ids):
        return self.sp.decode([int(i) for i in ids])
