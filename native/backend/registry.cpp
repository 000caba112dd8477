#include "backend/registry.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

#include "error.h"

namespace sparselab {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<const SlBackend*> backends{sl_cpu_backend()};
  std::map<const SlBackend*, SlProbe> probes;
};
// Never destroyed: threads may outlive static objects at the end of the process.
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}

const SlBackend* by_name(const Registry& all, const std::string& name) {
  for (const SlBackend* one : all.backends)
    if (name == one->name) return one;
  return nullptr;
}

}  // namespace

std::vector<std::string> backend_names() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> names;
  for (const SlBackend* one : all.backends) names.emplace_back(one->name);
  return names;
}

const SlBackend& find_backend(const std::string& name) {
  {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (const SlBackend* found = by_name(all, name)) return *found;
  }
  std::string known;
  for (const std::string& one : backend_names()) known += (known.empty() ? "" : ", ") + one;
  throw Error(Code::no_device, "there is no backend \"" + name + "\"; known: " + known);
}

SlDevice find_device(const std::string& name, int32_t device) {
  const SlBackend& backend = find_backend(name);
  SlProbe probe = nullptr;
  {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.probes.find(&backend); found != all.probes.end()) probe = found->second;
  }
  if (!probe) throw Error(Code::no_device, "backend \"" + name + "\" has no devices to choose from");
  SlDevice out{};
  SlError error{};
  if (probe(device, &out, &error)) throw Error(code_of(error.code), error.message);
  return out;
}

std::string load_backend(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Error(Code::no_device, text("the backend library could not be loaded: %s", dlerror()));
  // On an error the library is closed again; a backend that was added keeps its own open.
  auto refuse = [&](const std::string& why) {
    dlclose(library);
    throw Error(Code::no_device, "\"" + path + "\" " + why);
  };
  auto get = reinterpret_cast<const SlBackend* (*)(void)>(dlsym(library, "sl_backend"));
  if (!get) refuse("exports no sl_backend");
  const SlBackend* backend = get();
  if (!backend) refuse("has no backend");
  if (backend->version != SL_BACKEND_VERSION)
    refuse(text("speaks version %u of the backend boundary; expected %u", backend->version, SL_BACKEND_VERSION));
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (const SlBackend* taken = by_name(all, backend->name)) {
    if (taken == backend) return backend->name;  // the same library again
    refuse(text("names its backend \"%s\", which is there already", backend->name));
  }
  all.backends.push_back(backend);
  if (auto probe = reinterpret_cast<SlProbe>(dlsym(library, "sl_probe"))) all.probes[backend] = probe;
  return backend->name;
}

}  // namespace sparselab
