// Files that are not GGUF files: each kind is named with what to do, and no byte beyond the end is read.
#include "gguf/odd_files.h"

#include <random>
#include <vector>

#include "testing/testing.h"

using namespace sparselab;

namespace {

// In an allocation of just that size: a sanitizer sees a step beyond it.
std::string described(const std::string& bytes) {
  std::vector<uint8_t> file(bytes.begin(), bytes.end());
  return odd_file(file.data(), file.size());
}
bool says(const std::string& bytes, const char* what, const char* what_to_do) {
  const std::string is = described(bytes);
  return is.find(what) != std::string::npos && is.find(what_to_do) != std::string::npos;
}
std::string little_endian(uint64_t n, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; i++) out += static_cast<char>(n >> 8 * i);
  return out;
}

}  // namespace

TEST("odd files: containers and old formats") {
  CHECK(says("tjgg" + std::string("\3\0\0\0", 4), "old ggjt file", "convert_llama_ggml_to_gguf.py"));
  CHECK(says("lmgg" + std::string(60, '\1'), "old ggml file", "convert_llama_ggml_to_gguf.py"));
  CHECK(says("algg" + std::string("\1\0\0\0", 4), "LoRA adapter", "merge"));
  CHECK(says(std::string("PK\3\4\0\0", 6), "ZIP archive", "convert_hf_to_gguf.py"));
  CHECK(says("\x80\x02\x8a\x0a", "pickle", "convert_hf_to_gguf.py"));
  CHECK(says("\x1f\x8b\x08", "gzip", "unpack"));
  CHECK(says(std::string(257, '\0') + "ustar", "tar archive", "unpack"));
  const std::string json = "{\"__metadata__\":{\"format\":\"pt\"}}";
  CHECK(says(little_endian(json.size(), 8) + json, "safetensors", "convert_hf_to_gguf.py"));
  CHECK(says(little_endian(9, 4) + little_endian(19, 4) + "blk.0.attn_q.weight" + std::string(64, '\1'), "importance matrix",
             "load the model"));
}

TEST("odd files: what a download leaves in place of a model") {
  CHECK(
      says("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4081004224\n", "Git LFS pointer", "git lfs pull"));
  CHECK(says("\xef\xbb\xbf\n <!DOCTYPE html>\n<html>", "HTML page", "/resolve/"));
  CHECK(says("{\"error\":\"Repository not found\"}", "JSON", "download the file again"));
  CHECK(says("Entry not found", "error message", "name"));
  CHECK(says("Invalid username or password.", "error message", "log in"));
  CHECK(says(std::string(5000, '\0'), "begins with zeros", "download it again"));
  CHECK(says("", "empty file", "download it again"));
}

TEST("odd files: anything else is text or bytes, shown so that it can be printed") {
  CHECK(says("Dear reader, \xc3\xa4", "it begins \"Dear reader,\"", ".gguf"));
  CHECK(says("\x01\x02\x03\x04\x05", "01 02 03 04", "expected \"GGUF\" or \"PWRI\""));
  CHECK(says("\x01", "first bytes are 01;", ".gguf"));
}

TEST("odd files: any bytes get a description of one line") {
  const uint64_t seed = testing::fresh_seed();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; i++) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % (i % 2 ? 256 : 8));
    const std::string is = described(bytes);
    bool printable = !is.empty() && is.size() < 1000;
    for (unsigned char c : is) printable = printable && c >= 32 && c != 127;
    if (!printable) testing::fail(__FILE__, __LINE__, text("seed %llu, round %d: %s", (unsigned long long)seed, i, is.c_str()));
  }
}
