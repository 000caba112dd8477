// The parts of a split model as one file: their tensors, their bytes laid end to end, and what does not belong together.
// (test/files/split.test.ts has whole models.)
#include "weights/open_file.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/sparselab-parts-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { (void)!std::system(("rm -r " + path).c_str()); }
};

// A part of two with one tensor of four numbers: `first`, `first` + 1, ...
std::string part(uint16_t number, const std::string& tensor, float first, int32_t tensors = 2) {
  std::string b = "GGUF";
  auto put = [&](auto v) { b.append(reinterpret_cast<const char*>(&v), sizeof v); };
  auto string = [&](const std::string& s) {
    put(uint64_t{s.size()});
    b += s;
  };
  put(uint32_t{3}), put(uint64_t{1}), put(uint64_t{3});
  string("split.no"), put(static_cast<uint32_t>(MetaType::u16)), put(number);
  string("split.count"), put(static_cast<uint32_t>(MetaType::u16)), put(uint16_t{2});
  string("split.tensors.count"), put(static_cast<uint32_t>(MetaType::i32)), put(tensors);
  string(tensor), put(uint32_t{1}), put(uint64_t{4}), put(uint32_t{0}), put(uint64_t{0});
  b.resize((b.size() + 31) / 32 * 32);
  for (int i = 0; i < 4; i++) put(first + static_cast<float>(i));
  return b;
}

// Writes both parts; the path of the first.
std::string write(const Folder& folder, const std::string& one, const std::string& two) {
  const std::string first = folder.path + "/m-00001-of-00002.gguf";
  std::ofstream(first, std::ios::binary) << one;
  std::ofstream(folder.path + "/m-00002-of-00002.gguf", std::ios::binary) << two;
  return first;
}

}  // namespace

TEST("parts: tensors of all, and bytes laid end to end") {
  const Folder folder;
  const std::string one = part(0, "a", 1), two = part(1, "longer", 9), all = one + two;
  const OpenFile file(write(folder, one, two));
  CHECK(file.parts().size() == 2 && file.size() == all.size() && file.bytes_in_memory() == 0);
  CHECK(file.identity().size() == 2 && file.identity()[0] != file.identity()[1]);
  const TensorInfo *a = file.table().tensor("a"), *b = file.table().tensor("longer");
  CHECK(a && b && a->part == 0 && b->part == 1);
  CHECK(reinterpret_cast<const float*>(a->data)[3] == 4 && reinterpret_cast<const float*>(b->data)[3] == 12);
  CHECK(b->data == file.parts()[1]->data() + b->offset);
  for (uint64_t at = 0; at <= all.size(); at += 7)
    for (uint64_t n : {uint64_t{1}, one.size(), all.size()}) {
      std::string got(n, '?');
      const uint64_t there = file.read(at, reinterpret_cast<uint8_t*>(got.data()), n);
      CHECK(there == std::min<uint64_t>(n, all.size() - at) && got.substr(0, there) == all.substr(at, there));
    }
  uint8_t byte;
  CHECK(file.read(~uint64_t{0}, &byte, 1) == 0);
}

TEST("parts: a change of any of them is noticed") {
  const Folder folder;
  const std::string first = write(folder, part(0, "a", 1), part(1, "b", 2));
  const OpenFile file(first);
  CHECK(file.check_unchanged().size() == 2);
  CHECK(truncate((folder.path + "/m-00002-of-00002.gguf").c_str(), 64) == 0);
  CHECK_ERROR(file.check_unchanged(), "m-00002-of-00002.gguf\" was changed after it was loaded");
}

TEST("parts: what does not belong together") {
  const Folder folder;
  auto open = [&](const std::string& one, const std::string& two) { OpenFile file(write(folder, one, two)); };
  CHECK_ERROR(open(part(0, "a", 1), part(1, "a", 1)), "tensor \"a\" is also in");
  CHECK_ERROR(open(part(0, "a", 1), part(0, "b", 1)), "by its keys \"split.no\" and \"split.count\" part 1 of 2");
  CHECK_ERROR(open(part(1, "a", 1), part(1, "b", 1)), "open the first of them");
  CHECK_ERROR(open(part(0, "a", 1), part(1, "b", 1, 3)), "key \"split.tensors.count\" is not that of the first part");
  CHECK_ERROR(open(part(0, "a", 1, 3), part(1, "b", 1, 3)), "have 2 tensors; key \"split.tensors.count\" says 3");
  const std::string one = part(0, "a", 1);
  CHECK_ERROR(OpenFile(std::vector<uint8_t>(one.begin(), one.end())), "part 1 of the 2 files of one model");
  const std::string first = write(folder, one, one);
  CHECK(unlink((folder.path + "/m-00002-of-00002.gguf").c_str()) == 0);
  CHECK_ERROR(OpenFile{first}, "missing: \"" + folder.path + "/m-00002-of-00002.gguf\"");
}
