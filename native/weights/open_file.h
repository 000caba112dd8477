// A model's file, opened once, with its checked header: one file, or all parts of a split one. Header, weights, hash and
// everything else come from these descriptors, whatever lies at the paths by now.
//
// A split model is several GGUF files, NAME-00001-of-00003.gguf and so on, as llama.cpp and gguf-py write them: each has the keys
// split.no (from 0), split.count and split.tensors.count and some of the tensors; the first has all other keys. Opening the first
// opens the others beside it.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "error.h"
#include "gguf/reader.h"
#include "weights/mapping.h"

namespace sparselab {

// Runs fn; an Error about the file's contents gets the file's name in front.
template <class Fn>
auto about_file(const std::string& path, Fn fn) {
  try {
    return fn();
  } catch (const Error& e) {
    throw Error(e.code, "\"" + path + "\": " + e.what());
  }
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path);     // throws Error
  explicit OpenFile(std::vector<uint8_t> bytes);  // of a file that lies in memory; throws Error

  // The keys of the file (of the first part), and the tensors of all parts. Points into the parts.
  const Table& table() const { return table_; }
  // Of the first part.
  const std::string& path() const { return parts_[0]->path(); }
  const std::vector<std::unique_ptr<const Mapping>>& parts() const { return parts_; }
  uint64_t size() const;             // bytes of all parts
  uint64_t bytes_in_memory() const;  // of those that are no mapped files
  // The bytes of the headers, without values that are too large to be read.
  const std::vector<std::span<const uint8_t>>& headers() const { return headers_; }

  std::vector<FileIdentity> identity() const;  // of each part, as it was opened
  // The stamps of the parts now. Throws Error (bad-file) where one is not what was opened.
  std::vector<FileStamp> check_unchanged() const;
  // Reads up to n bytes from offset `at` of the parts, laid end to end, into out (n); returns how many there were.
  uint64_t read(uint64_t at, uint8_t* out, uint64_t n) const;

 private:
  Table add(std::unique_ptr<const Mapping> part);
  void add_others();

  std::vector<std::unique_ptr<const Mapping>> parts_;
  std::vector<std::span<const uint8_t>> headers_;
  Table table_{};
};

}  // namespace sparselab
