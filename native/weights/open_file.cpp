#include "weights/open_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace sparselab {
namespace {

constexpr int64_t kMostParts = 65535;  // split.count is a u16

// A file's place in a split model.
struct Place {
  int64_t part = 0;  // from 0
  int64_t parts = 1;
  int64_t tensors = 0;  // of all parts
};

int64_t whole_number(const Table& table, const char* key, int64_t most) {
  const Meta* m = table.find(key);
  int64_t value = 0;
  if (!m) throw Error(Code::bad_file, text("key \"%s\" is missing, which a part of a split model needs", key));
  if (m->is_array || !m->integer(value) || value < 0 || value > most)
    throw Error(Code::bad_file, text("key \"%s\" is not a whole number from 0 to %lld", key, (long long)most));
  return value;
}

Place place_of(const Table& table) {
  if (!table.find("split.count")) return {};
  const int64_t parts = whole_number(table, "split.count", kMostParts);
  if (parts < 2) return {};
  return {whole_number(table, "split.no", parts - 1), parts, whole_number(table, "split.tensors.count", INT32_MAX)};
}

std::string ending(int64_t part, int64_t parts) { return text("-%05lld-of-%05lld.gguf", (long long)part + 1, (long long)parts); }

// The name of another part, from the path of this one.
std::string beside(const std::string& path, const Place& place, int64_t other) {
  const std::string own = ending(place.part, place.parts);
  return path.substr(0, path.size() - own.size()) + ending(other, place.parts);
}

bool same_value(const Meta& a, const Meta& b) {
  return a.type == b.type && a.is_array == b.is_array && a.bytes == b.bytes &&
         (a.bytes > kMostOfValue || std::memcmp(a.data, b.data, a.bytes) == 0);
}

// A later part repeats keys of the first, or has none. One with keys of its own belongs to another model.
void check_keys(const Table& first, const Table& part) {
  for (const auto& [key, value] : part.metadata) {
    if (key == "split.no" || key == "general.alignment") continue;
    const Meta* same = first.find(key);
    if (!same || !same_value(*same, value))
      throw Error(Code::bad_file, "key \"" + key + "\" is not that of the first part: this part belongs to another model");
  }
  // Some programs pad later parts as the first without saying so, others do not.
  if (first.alignment != 32 && !part.find("general.alignment"))
    throw Error(Code::bad_file,
                text("the first part has alignment %llu, and this one does not say its own: merge the parts (llama-gguf-split "
                     "--merge FIRST.gguf NEW.gguf)",
                     (unsigned long long)first.alignment));
}

}  // namespace

OpenFile::OpenFile(const std::string& path) {
  table_ = add(std::make_unique<const Mapping>(path));
  add_others();
  check_unchanged();
}

OpenFile::OpenFile(std::vector<uint8_t> bytes) {
  table_ = add(std::make_unique<const Mapping>(std::move(bytes)));
  about_file(path(), [&] {
    if (const Place place = place_of(table_); place.parts > 1)
      throw Error(Code::bad_file,
                  text("this is part %lld of the %lld files of one model, which are opened by the path of the first",
                       (long long)place.part + 1, (long long)place.parts));
  });
}

// Its table, with tensors that know the part.
Table OpenFile::add(std::unique_ptr<const Mapping> part) {
  const auto number = static_cast<uint32_t>(parts_.size());
  Table table = about_file(part->path(), [&] { return read_table(part->data(), part->size()); });
  for (TensorInfo& t : table.tensors) t.part = number;
  const uint8_t* at = part->data();
  for (const auto& [key, value] : table.metadata) {
    if (value.bytes <= kMostOfValue) continue;
    headers_.emplace_back(at, value.data);
    at = value.data + value.bytes;
  }
  headers_.emplace_back(at, part->data() + table.data_start);
  parts_.push_back(std::move(part));
  return table;
}

// Of a split model, the parts behind the first.
void OpenFile::add_others() {
  const std::string first = path();
  const Place place = about_file(first, [&] { return place_of(table_); });
  if (place.parts < 2) return;
  auto refuse = [&](const std::string& why) { throw Error(Code::bad_file, "\"" + first + "\": " + why); };
  const auto parts = static_cast<long long>(place.parts);

  // The names.
  const bool named = first.ends_with(ending(place.part, place.parts));
  if (place.part != 0)
    refuse(
        text("this is part %lld of the %lld files of one model: open the first of them, %s", (long long)place.part + 1, parts,
             (named ? text("\"%s\"", beside(first, place, 0).c_str()) : text("NAME%s", ending(0, place.parts).c_str())).c_str()));
  if (!named)
    refuse(
        text("this is the first of the %lld files of one model, which are found by their names: rename it to NAME%s, with the "
             "other parts (NAME%s ...) beside it",
             parts, ending(0, place.parts).c_str(), ending(1, place.parts).c_str()));
  std::string missing;
  int64_t absent = 0;
  for (int64_t i = 1; i < place.parts; i++) {
    struct stat s;
    const std::string name = beside(first, place, i);
    if (::stat(name.c_str(), &s) != 0 && ++absent <= 3) missing += text(absent > 1 ? ", \"%s\"" : "\"%s\"", name.c_str());
  }
  if (absent > 3) missing += text(" and %lld more", (long long)absent - 3);
  if (absent) refuse(text("this model has %lld parts, which belong in one folder; missing: %s", parts, missing.c_str()));

  // Their headers, which must agree.
  for (int64_t i = 1; i < place.parts; i++) {
    const Table part = add(std::make_unique<const Mapping>(beside(first, place, i)));
    about_file(parts_.back()->path(), [&] {
      const Place own = place_of(part);
      if (own.parts != place.parts || own.part != i)
        throw Error(Code::bad_file,
                    text("by its name this is part %lld of %lld, by its keys \"split.no\" and \"split.count\" part %lld of %lld",
                         (long long)i + 1, parts, (long long)own.part + 1, (long long)own.parts));
      if (part.powerinfer != table_.powerinfer || part.version != table_.version)
        throw Error(Code::bad_file, "its magic and version are not those of the first part: this part belongs to another model");
      check_keys(table_, part);
      for (const TensorInfo& t : part.tensors) {
        const auto [found, added] = table_.tensor_index.emplace(t.name, table_.tensors.size());
        if (!added)
          throw Error(Code::bad_file,
                      "tensor \"" + t.name + "\" is also in \"" + parts_[table_.tensors[found->second].part]->path() + "\"");
        table_.tensors.push_back(t);
      }
    });
  }
  if (table_.tensors.size() != static_cast<uint64_t>(place.tensors))
    refuse(text("its %lld parts have %zu tensors; key \"split.tensors.count\" says %lld: a part belongs to another model", parts,
                table_.tensors.size(), (long long)place.tensors));
}

uint64_t OpenFile::size() const {
  uint64_t bytes = 0;
  for (const auto& part : parts_) bytes += part->size();
  return bytes;
}

uint64_t OpenFile::bytes_in_memory() const { return parts_[0]->in_memory() ? parts_[0]->size() : 0; }

std::vector<FileIdentity> OpenFile::identity() const {
  std::vector<FileIdentity> out;
  for (const auto& part : parts_) out.push_back(part->opened().identity);
  return out;
}

std::vector<FileStamp> OpenFile::check_unchanged() const {
  std::vector<FileStamp> out;
  for (const auto& part : parts_) out.push_back(part->check_unchanged());
  return out;
}

uint64_t OpenFile::read(uint64_t at, uint8_t* out, uint64_t n) const {
  uint64_t done = 0;
  for (const auto& part : parts_) {
    if (done == n) break;
    if (at >= part->size()) {
      at -= part->size();
      continue;
    }
    const uint64_t wanted = std::min(n - done, part->size() - at), got = part->read(at, out + done, wanted);
    done += got;
    at = 0;
    if (got < wanted) break;  // it was cut since
  }
  return done;
}

}  // namespace sparselab
