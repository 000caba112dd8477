#include "gguf/odd_files.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "error.h"

namespace sparselab {
namespace {

constexpr const char* kConvert =
    "convert the folder it came in to GGUF with llama.cpp (python convert_hf_to_gguf.py FOLDER --outfile model.gguf --outtype "
    "f16), "
    "then load that file";
constexpr const char* kOldGgml =
    "convert it with llama.cpp (python convert_llama_ggml_to_gguf.py --input OLD --output model.gguf), or download the model as "
    "GGUF";
constexpr const char* kUnpack = "unpack it first, then load the .gguf file in it";

// Bytes at a fixed place that identify a kind of file, the kind, and what to do. The first match counts.
struct Sign {
  uint32_t at;
  std::string_view bytes;
  const char* what;
  const char* what_to_do;
};
using namespace std::string_view_literals;
constexpr Sign kSigns[] = {
    {0, "lmgg"sv, "an old ggml file (before GGUF)", kOldGgml},
    {0, "fmgg"sv, "an old ggmf file (before GGUF)", kOldGgml},
    {0, "tjgg"sv, "an old ggjt file (before GGUF)", kOldGgml},
    {0, "ggml"sv, "an old ggml file (before GGUF)", kOldGgml},
    {0, "ggmf"sv, "an old ggmf file (before GGUF)", kOldGgml},
    {0, "ggjt"sv, "an old ggjt file (before GGUF)", kOldGgml},
    {0, "GGJT"sv, "an old ggjt file (before GGUF)", kOldGgml},
    {0, "algg"sv, "a LoRA adapter in the old ggla format (before GGUF)",
     "load the model that it was made for, or merge the adapter into that model with the program that trained it and convert the "
     "result "
     "to GGUF"},
    {0, "nsgg"sv, "a saved session of llama.cpp", "load the model itself, its .gguf file"},
    {0, "qsgg"sv, "a saved sequence of llama.cpp", "load the model itself, its .gguf file"},
    {0, "gguf"sv, "a file with a magic in small letters, which no program writes", "download or convert it again"},
    {0, "FUGG"sv, "a GGUF file with its bytes in reverse order", "convert it again on a little-endian machine"},
    {0, "PK\x03\x04"sv, "a ZIP archive, as PyTorch checkpoints (.bin, .pt, .pth) are",
     "if it is packed, unpack it; if it is a PyTorch checkpoint, convert the folder it came in to GGUF with llama.cpp (python "
     "convert_hf_to_gguf.py FOLDER --outfile model.gguf --outtype f16), then load that file"},
    {0, "PK\x05\x06"sv, "an empty ZIP archive", "download it again"},
    {0, "\x80\x02"sv, "a Python pickle, as old PyTorch checkpoints are", kConvert},
    {0, "\x80\x03"sv, "a Python pickle", kConvert},
    {0, "\x80\x04"sv, "a Python pickle", kConvert},
    {0, "\x80\x05"sv, "a Python pickle", kConvert},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file, as Keras checkpoints are",
     "look for the model as safetensors or GGUF; only GGUF files load here"},
    {0, "\x93NUMPY"sv, "a NumPy array", "load the model's .gguf file"},
    {0, "\n\x0e\n\x05<unk>"sv, "a SentencePiece vocabulary (tokenizer.model)", kConvert},
    {0, "\x1f\x8b"sv, "a gzip archive", kUnpack},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard archive", kUnpack},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "an xz archive", kUnpack},
    {0, "BZh"sv, "a bzip2 archive", kUnpack},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpack},
    {0, "Rar!"sv, "a RAR archive", kUnpack},
    {257, "ustar"sv, "a tar archive", kUnpack},
    {0, "MZ"sv, "a program (a llamafile is one)",
     "take the .gguf file that it holds or was made from (a llamafile: unzip FILE '*.gguf')"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program or library", "load the model's .gguf file"},
    {0, "%PDF"sv, "a PDF document", "load the model's .gguf file"},
    {0, "SQLite format 3\0"sv, "an SQLite database", "load the model's .gguf file"},
};

// Texts, in small letters, with which a file that should be a model may begin.
constexpr Sign kTexts[] = {
    {0, "version https://git-lfs.github.com"sv, "a Git LFS pointer, not the file itself",
     "fetch the file with: git lfs install && git lfs pull (in the repository's folder)"},
    {0, "# xet version"sv, "a Xet pointer, not the file itself", "download the file itself from where the repository came from"},
    {0, "<!doctype html"sv, "an HTML page, not a model",
     "download the file itself: on Hugging Face the address has /resolve/ where that of the page has /blob/, and some models "
     "need a login"},
    {0, "<html"sv, "an HTML page, not a model",
     "download the file itself: on Hugging Face the address has /resolve/ where that of the page has /blob/, and some models "
     "need a login"},
    {0, "<?xml"sv, "an XML answer of a server, not a model", "download the file again; the text says what went wrong"},
    {0, "<"sv, "a page or an answer of a server, not a model", "download the file again; the text says what went wrong"},
    {0, "{"sv, "JSON text: a server's error message, or a settings file beside a model",
     "if it is an error, download the file again; else load the .gguf file beside it"},
    {0, "["sv, "JSON text: a server's error message, or a settings file beside a model",
     "if it is an error, download the file again; else load the .gguf file beside it"},
    {0, "entry not found"sv, "a server's error message, not a model", "look up the file's name and download it again"},
    {0, "repository not found"sv, "a server's error message, not a model", "look up the model's name and download it again"},
    {0, "invalid username or password"sv, "a server's error message, not a model", "log in there, then download the file again"},
    {0, "access to model"sv, "a server's error message, not a model",
     "accept the model's terms there, log in, and download the file again"},
    {0, "unauthorized"sv, "a server's error message, not a model", "log in there, then download the file again"},
    {0, "not found"sv, "a server's error message, not a model", "look up the file's name and download it again"},
};

// Values of general.type or general.architecture.
struct Kind {
  const char *type, *arch, *what;
};
constexpr Kind kKinds[] = {
    {"adapter", nullptr,
     "a LoRA adapter, not a model: merge it into the model that it was made for with llama.cpp (llama-export-lora -m MODEL.gguf "
     "--lora "
     "ADAPTER.gguf -o merged.gguf), then load the merged file"},
    {"imatrix", nullptr,
     "an importance matrix, not a model: load the model itself; llama-quantize --imatrix is what such a file is for"},
    {"mmproj", "clip",
     "the part of a model that reads pictures or sound, not a language model: load the model's other .gguf file"},
    {nullptr, "controlvector",
     "a control vector, not a model: load the model, and add the vector with the intervention steer(point, vector)"},
    {nullptr, "generic.gpu_index", "PowerInfer's list of neurons for a GPU, not a model: load the .gguf file beside it"},
};

bool matches(const Sign& sign, std::string_view bytes) {
  return bytes.size() >= sign.at && bytes.substr(sign.at).starts_with(sign.bytes);
}

std::string with_advice(const std::string& what, const std::string& what_to_do) { return what + ": " + what_to_do; }

uint64_t number_at(const uint8_t* file, uint64_t at, uint64_t bytes) {
  uint64_t n = 0;
  for (uint64_t i = 0; i < bytes; i++) n |= uint64_t{file[at + i]} << 8 * i;
  return n;
}

// u64 length of a JSON header, then the header: {"__metadata__": ...
bool safetensors(const uint8_t* file, uint64_t size) {
  if (size < 10 || file[8] != '{') return false;
  const uint64_t length = number_at(file, 0, 8);
  return length >= 2 && length <= uint64_t{1} << 32;
}

// llama.cpp's older importance matrices: i32 entries, and for each the i32 length and the name of a tensor.
bool importance_matrix(const uint8_t* file, uint64_t size) {
  if (size < 20) return false;
  const uint64_t entries = number_at(file, 0, 4), length = number_at(file, 4, 4);
  const std::string_view name(reinterpret_cast<const char*>(file) + 8, std::min<uint64_t>(size - 8, 16));
  return entries > 0 && entries < 1u << 20 && length > 4 && length < 256 &&
         (name.starts_with("blk.") || name.starts_with("output.") || name.starts_with("token_embd."));
}

// The first line of a text, safe to print; empty for other files.
std::string first_text(std::string_view bytes) {
  std::string out;
  for (unsigned char c : bytes.substr(0, 200)) {
    const bool space = c == '\n' || c == '\r' || c == '\t';
    if ((c < 32 && !space) || c == 127) return "";
    if (out.size() < 60) out += space ? ' ' : static_cast<char>(c);
  }
  // A character cut in two is left out.
  while (!out.empty() && ((out.back() & 0x80) || out.back() == ' ')) out.pop_back();
  return out;
}

}  // namespace

std::string odd_file(const uint8_t* file, uint64_t size) {
  const std::string_view head(reinterpret_cast<const char*>(file), std::min<uint64_t>(size, 4096));
  if (head.empty()) return with_advice("an empty file", "download it again");
  for (const Sign& sign : kSigns)
    if (matches(sign, head)) return with_advice(sign.what, sign.what_to_do);
  if (safetensors(file, size)) return with_advice("a safetensors file", kConvert);
  if (importance_matrix(file, size))
    return with_advice("an importance matrix of llama.cpp",
                       "load the model itself; llama-quantize --imatrix is what such a file is for");
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; }))
    return with_advice("a file that begins with zeros, as an incomplete download does", "download it again");

  std::string_view start = head;
  if (start.starts_with("\xef\xbb\xbf")) start.remove_prefix(3);
  while (!start.empty() && std::isspace(static_cast<unsigned char>(start.front()))) start.remove_prefix(1);
  const std::string begins = first_text(start);
  if (begins.empty()) {
    char first[16] = "";
    for (size_t i = 0; i < 4 && i < head.size(); i++)
      std::snprintf(first + 3 * i, 4, "%02x ", static_cast<unsigned char>(head[i]));
    return with_advice(text("not a GGUF file (its first bytes are %.*s; expected \"GGUF\" or \"PWRI\")",
                            static_cast<int>(std::strlen(first)) - 1, first),
                       "load a model's .gguf file");
  }
  std::string small;
  for (char c : start.substr(0, 64)) small += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Sign& sign : kTexts)
    if (matches(sign, small)) return with_advice(text("%s (it begins \"%s\")", sign.what, begins.c_str()), sign.what_to_do);
  return with_advice(text("text, not a GGUF file (it begins \"%s\")", begins.c_str()), "load a model's .gguf file");
}

void refuse_other_kinds(const Table& table) {
  auto string = [&](const char* key) {
    const Meta* m = table.find(key);
    return m && !m->is_array && m->type == MetaType::string ? m->string() : "";
  };
  const std::string kind = string("general.type"), arch = string("general.architecture");
  for (const Kind& k : kKinds) {
    const bool by_type = k.type && kind == k.type;
    if (by_type || (k.arch && arch == k.arch))
      throw Error(Code::unsupported_model,
                  text("key \"%s\" is \"%s\": this is %s", by_type ? "general.type" : "general.architecture",
                       (by_type ? kind : arch).c_str(), k.what));
  }
  if (table.tensors.empty() && table.find("tokenizer.ggml.tokens"))
    throw Error(
        Code::bad_file,
        "the file holds a vocabulary and no tensors, so there is nothing to run: sparselab info and sparselab tokenize read it");
}

}  // namespace sparselab
