// Files that change, are truncated, or are not regular files. What may crash the process runs in a child, which also has signal
// handlers of its own.
#include "weights/mapping.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// A folder for one test.
struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/sparselab-mapping-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { (void)!std::system(("rm -r " + path).c_str()); }
  std::string file(const std::string& name, size_t pages) const {
    const std::string at = path + "/" + name;
    const int fd = open(at.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    const std::vector<uint8_t> bytes(pages * kPage, 7);
    CHECK(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(fd);
    return at;
  }
};

// Runs fn in a child. Returns its exit code, or minus the signal; 99 if fn throws.
int in_child(const std::function<int()>& fn) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = fn();
    } catch (const std::exception& e) {
      std::printf("%s\n", e.what());
      std::fflush(stdout);
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

const volatile uint8_t* map_unguarded(const std::string& path, size_t bytes) {
  const int fd = open(path.c_str(), O_RDONLY);
  return static_cast<const uint8_t*>(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0));
}

void leaves_with_42(int) { _exit(42); }

}  // namespace

TEST("mapping: pages beyond the end of a cut file are zeros, and the mapping says that it was changed") {
  Folder folder;
  const std::string cut = folder.file("cut", 8), whole = folder.file("whole", 8);
  CHECK(in_child([&] {
          const Mapping a(cut), b(whole);
          const volatile uint8_t *p = a.data(), *q = b.data();
          if (p[5 * kPage] != 7 || q[5 * kPage] != 7) return 1;
          if (truncate(cut.c_str(), static_cast<off_t>(2 * kPage)) != 0) return 2;
          if (p[7 * kPage] != 0 || p[5 * kPage + 3] != 0 || p[2 * kPage] != 0) return 3;
          if (p[kPage] != 7 || q[5 * kPage] != 7 || q[7 * kPage] != 7) return 4;
          // The file has its old size and time again: the mark stays.
          if (truncate(cut.c_str(), static_cast<off_t>(8 * kPage)) != 0) return 5;
          if (message_of([&] { a.check_unchanged(); }).find("was changed after it was loaded") == std::string::npos) return 6;
          b.check_unchanged();
          return 0;
        }) == 0);
}

TEST("mapping: a fault elsewhere goes to the handler that was there before") {
  Folder folder;
  const std::string cut = folder.file("cut", 2), other = folder.file("other", 2);
  CHECK(in_child([&]() -> int {
          signal(SIGBUS, leaves_with_42);
          const Mapping a(cut);
          const volatile uint8_t* p = map_unguarded(other, 2 * kPage);
          if (truncate(other.c_str(), 0) != 0) return 2;
          return p[kPage];
        }) == 42);
}

TEST("mapping: a fault elsewhere ends the process where there was no handler, and so does one in a mapping whose guard is gone") {
  Folder folder;
  const std::string cut = folder.file("cut", 2), other = folder.file("other", 2);
  CHECK(in_child([&]() -> int {
          signal(SIGBUS, SIG_DFL);
          const Mapping a(cut);
          const volatile uint8_t* p = map_unguarded(other, 2 * kPage);
          if (truncate(other.c_str(), 0) != 0) return 2;
          return p[kPage];
        }) == -SIGBUS);
  CHECK(in_child([&]() -> int {
          signal(SIGBUS, SIG_DFL);
          const volatile uint8_t* p = map_unguarded(cut, 2 * kPage);
          {
            const Guard guard(const_cast<const uint8_t*>(p), 2 * kPage);
          }
          if (truncate(cut.c_str(), 0) != 0) return 2;
          return p[kPage];
        }) == -SIGBUS);
  CHECK(in_child([&]() -> int {
          signal(SIGBUS, SIG_DFL);
          const Mapping a(folder.file("a", 1));
          raise(SIGBUS);
          return 0;
        }) == -SIGBUS);
}

TEST("mapping: a rename, a link and a deletion give a new time of change and no error; writing is an error") {
  Folder folder;
  CHECK(in_child([&] {
          const std::string path = folder.file("model", 2), moved = folder.path + "/moved", linked = folder.path + "/linked";
          const Mapping a(path);
          uint64_t last = a.opened().changed_ns;
          const std::vector<std::function<int()>> changes = {
              [&] { return rename(path.c_str(), moved.c_str()); }, [&] { return link(moved.c_str(), linked.c_str()); },
              [&] { return chmod(moved.c_str(), 0400); }, [&] { return unlink(moved.c_str()); },
              [&] { return unlink(linked.c_str()); }};
          for (const auto& change : changes) {
            usleep(30000);  // file systems record times in steps
            if (change() != 0) return 1;
            const FileStamp now = a.check_unchanged();
            if (now.changed_ns == last || now.identity != a.opened().identity) return 2;
            last = now.changed_ns;
          }
          return 0;
        }) == 0);
  CHECK(in_child([&] {
          // Write right after it was opened, which is right after it was written.
          const std::string path = folder.file("model", 2);
          const Mapping a(path);
          const int fd = open(path.c_str(), O_WRONLY);
          const uint8_t byte = 7;  // the same contents: the write alone counts
          if (pwrite(fd, &byte, 1, 100) != 1) return 1;
          return message_of([&] { a.check_unchanged(); }).find("bad-file") == 0 ? 0 : 2;
        }) == 0);
}

TEST("mapping: only regular files are opened, and a named pipe does not block") {
  Folder folder;
  const std::string pipe = folder.path + "/pipe", link_to_pipe = folder.path + "/link";
  CHECK(mkfifo(pipe.c_str(), 0600) == 0 && symlink(pipe.c_str(), link_to_pipe.c_str()) == 0);
  CHECK(in_child([&] {
          alarm(20);
          auto says = [](const std::string& path, const char* what) {
            return message_of([&] { Mapping m(path); }).find(what) != std::string::npos;
          };
          return says(pipe, "it is a named pipe") && says(link_to_pipe, "it is a named pipe") &&
                         says(folder.path, "it is a folder") && says("/dev/null", "it is a device") &&
                         says(folder.path + "/none", "No such file")
                     ? 0
                     : 1;
        }) == 0);
}
