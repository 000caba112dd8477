// The reader against files written byte by byte: good ones are read, and every kind of error is named.
#include "gguf/reader.h"

#include <functional>

#include "testing/testing.h"

using namespace sparselab;

namespace {

struct Bytes {
  std::vector<uint8_t> data;
  template <class T>
  Bytes& put(T v) {
    const auto* p = reinterpret_cast<const uint8_t*>(&v);
    data.insert(data.end(), p, p + sizeof v);
    return *this;
  }
  Bytes& raw(const std::string& s) {
    data.insert(data.end(), s.begin(), s.end());
    return *this;
  }
  Bytes& string(const std::string& s) { return put(uint64_t{s.size()}).raw(s); }
  Bytes& key(const std::string& name, MetaType type) { return string(name).put(static_cast<uint32_t>(type)); }
  Bytes& tensor(const std::string& name, std::vector<uint64_t> shape, uint32_t type, uint64_t offset) {
    string(name).put(static_cast<uint32_t>(shape.size()));
    for (uint64_t n : shape) put(n);
    return put(type).put(offset);
  }
  Bytes& pad(size_t to, size_t more = 0) {
    data.resize((data.size() + to - 1) / to * to + more);
    return *this;
  }
  Table read() const { return read_table(data.data(), data.size()); }
};

Bytes header(const char* magic, uint32_t version, uint64_t tensors, uint64_t keys) {
  return Bytes().raw(magic).put(version).put(tensors).put(keys);
}

Bytes good() {
  Bytes b = header("GGUF", 3, 2, 4);
  b.key("general.architecture", MetaType::string).string("llama");
  b.key("x.list", MetaType::array)
      .put(static_cast<uint32_t>(MetaType::string))
      .put(uint64_t{3})
      .string("a")
      .string("")
      .string("\xef\xbb\xbfz");
  b.key("x.number", MetaType::f32).put(0.5f);
  b.key("x.big", MetaType::u64).put(uint64_t{1} << 40);
  b.tensor("one", {32, 2}, 8, 0).tensor("two", {8}, 0, 96);
  return b.pad(32, 128);
}

}  // namespace

TEST("reader: a good file") {
  Bytes file = good();
  Table t = file.read();
  CHECK(!t.powerinfer && t.version == 3 && t.metadata.size() == 4 && t.tensors.size() == 2);
  CHECK(t.find("general.architecture")->string() == "llama");
  CHECK(t.find("x.list")->count == 3 && t.find("x.list")->is_array);
  CHECK(t.find("x.number")->number() == 0.5);
  CHECK(t.find("x.big")->number() == 1099511627776.0);
  CHECK(t.tensor("one")->bytes == 68 && t.tensor("one")->rows() == 2);
  CHECK(t.tensor("two")->offset == t.data_start + 96);
  CHECK(!t.find("nothing") && !t.tensor("nothing"));
}

TEST("reader: every truncation is named, none reads beyond the end") {
  Bytes file = good();
  for (size_t n = 0; n < file.data.size(); n++) {
    std::vector<uint8_t> cut(
        file.data.begin(),
        file.data.begin() + static_cast<long>(n));  // an allocation of just that size: a sanitizer sees a step beyond it
    CHECK_ERROR(read_table(cut.data(), n), "bad-file");
  }
}

TEST("reader: wrong headers") {
  CHECK_ERROR(header("GGJT", 3, 0, 0).read(), "this is an old ggjt file");
  CHECK_ERROR(header("GGUF", 1, 0, 0).read(), "version 1");
  CHECK_ERROR(header("GGUF", 0x03000000, 0, 0).read(), "big-endian");
  CHECK_ERROR(header("GGUF", 3, uint64_t{1} << 60, 0).read(), "tensors");
  CHECK_ERROR(header("GGUF", 3, 0, uint64_t{1} << 60).read(), "keys");
  CHECK(header("PWRI", 2, 0, 0).read().powerinfer);
}

TEST("reader: wrong keys") {
  auto key = [](const std::function<void(Bytes&)>& fill) {
    Bytes b = header("GGUF", 3, 0, 1);
    fill(b);
    b.data.resize(b.data.size() + 64);
    return b.read();
  };
  CHECK_ERROR(key([](Bytes& b) { b.key("k", static_cast<MetaType>(13)); }), "key \"k\" has value type 13");
  CHECK_ERROR(key([](Bytes& b) { b.key("k", MetaType::string).put(~uint64_t{0}); }), "key \"k\" needs");
  CHECK_ERROR(key([](Bytes& b) {
                b.key("k", MetaType::array);
                for (int depth = 0; depth < 20; depth++) b.put(uint32_t{9}).put(uint64_t{1});
                b.put(uint32_t{0}).put(uint64_t{0});
              }),
              "nests arrays more than 16 deep");
  CHECK_ERROR(
      key([](Bytes& b) { b.key("k", MetaType::array).put(uint32_t{9}).put(uint64_t{1}).put(uint32_t{13}).put(uint64_t{1}); }),
      "value type 13");
  CHECK_ERROR(
      key([](Bytes& b) { b.key("k", MetaType::array).put(uint32_t{9}).put(uint64_t{1}).put(uint32_t{4}).put(~uint64_t{0}); }),
      "key \"k\" says 18446744073709551615 elements");
  CHECK_ERROR(key([](Bytes& b) { b.key("k", MetaType::array).put(uint32_t{4}).put(uint64_t{1} << 62); }), "elements");
  CHECK_ERROR(key([](Bytes& b) { b.key("k", MetaType::array).put(uint32_t{8}).put(uint64_t{9}); }), "key \"k\"");
  CHECK_ERROR(key([](Bytes& b) { b.put(uint64_t{70000}); }), "name of 70000 bytes");
  CHECK_ERROR(key([](Bytes& b) { b.key("general.alignment", MetaType::u32).put(uint32_t{48}); }), "power of two");
  CHECK_ERROR(key([](Bytes& b) { b.key("general.alignment", MetaType::string).string("32"); }), "power of two");
  Bytes twice = header("GGUF", 3, 0, 2);
  twice.key("k", MetaType::u8).put(uint8_t{1}).key("k", MetaType::u8).put(uint8_t{1});
  CHECK_ERROR(twice.read(), "duplicate key \"k\"");
}

TEST("reader: arrays of arrays are skipped") {
  Bytes b = header("GGUF", 3, 0, 2);
  b.key("nested", MetaType::array).put(uint32_t{9}).put(uint64_t{2});
  b.put(uint32_t{8}).put(uint64_t{2}).string("a").string("bc");
  b.put(uint32_t{9}).put(uint64_t{1}).put(uint32_t{4}).put(uint64_t{1}).put(uint32_t{7});
  b.key("after", MetaType::i8).put(int8_t{-3});
  Table t = b.pad(32, 64).read();
  CHECK(t.find("nested")->is_array && t.find("nested")->type == MetaType::array && t.find("nested")->count == 2);
  CHECK(t.find("after")->number() == -3);
}

TEST("reader: integers of any width, and values that are not integers") {
  auto integer = [](MetaType type, auto value, int64_t& out) {
    Bytes b = header("GGUF", 3, 0, 1);
    b.key("k", type).put(value).pad(32, 64);
    return b.read().find("k")->integer(out);
  };
  int64_t v = 0;
  CHECK(integer(MetaType::u8, uint8_t{200}, v) && v == 200);
  CHECK(integer(MetaType::i16, int16_t{-7}, v) && v == -7);
  CHECK(integer(MetaType::u64, (uint64_t{1} << 60) + 1, v) && v == (int64_t{1} << 60) + 1);
  CHECK(!integer(MetaType::u64, ~uint64_t{0}, v));
  CHECK(!integer(MetaType::f32, 3.0f, v) && !integer(MetaType::boolean, uint8_t{1}, v));
}

TEST("reader: wrong tensors") {
  auto one = [](std::vector<uint64_t> shape, uint32_t type, uint64_t offset) {
    return header("GGUF", 3, 1, 0).tensor("w", std::move(shape), type, offset).pad(32, 256).read();
  };
  CHECK(one({8, 8}, 0, 0).tensors.size() == 1);
  CHECK_ERROR(one({}, 0, 0), "0 dimensions");
  CHECK_ERROR(one({1, 1, 1, 1, 1}, 0, 0), "5 dimensions");
  CHECK_ERROR(one({8, 0}, 0, 0), "tensor \"w\": dimension 1 is 0");
  CHECK_ERROR(one({uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0), "overflows");
  CHECK_ERROR(one({uint64_t{1} << 61}, 0, 0), "tensor \"w\"");
  CHECK_ERROR(one({33}, 8, 0), "not a multiple of the 32");
  CHECK_ERROR(one({8, 9}, 0, 0), "reach beyond the file's");
  CHECK_ERROR(one({8}, 0, 8), "not a multiple of the alignment");
  CHECK_ERROR(one({8}, 0, ~uint64_t{31}), "reach beyond");
  CHECK_ERROR(header("GGUF", 3, 2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad(32, 256).read(),
              "\"a\" and \"b\" overlap");
  CHECK_ERROR(header("GGUF", 3, 2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).pad(32, 256).read(),
              "duplicate tensor \"a\"");
  CHECK(one({8}, 99, 0).tensors[0].bytes == 0);  // an unknown type has no size; using the tensor is refused
}
