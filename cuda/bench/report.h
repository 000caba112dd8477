// What the measurements are written into: JSON for programs, and lines for people on the way.
#pragma once
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace sparselab::cuda::bench {

// One measurement: names and numbers or words, in order.
class Entry {
 public:
  Entry& set(const std::string& name, double value) {
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", value);
    fields_.emplace_back(name, number);
    return *this;
  }
  Entry& set(const std::string& name, const std::string& value) {
    std::string quoted = "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
    fields_.emplace_back(name, quoted + "\"");
    return *this;
  }
  std::string json() const {
    std::string out = "{";
    for (const auto& [name, value] : fields_) out += (out.size() > 1 ? ", \"" : "\"") + name + "\": " + value;
    return out + "}";
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

class Report {
 public:
  Entry& about() { return about_; }
  void add(const std::string& section, const Entry& entry) {
    std::printf("%-10s %s\n", section.c_str(), entry.json().c_str());
    std::fflush(stdout);
    for (auto& [name, entries] : sections_)
      if (name == section) return entries.push_back(entry);
    sections_.push_back({section, {entry}});
  }
  std::string json() const {
    std::string out = "{\n  \"about\": " + about_.json();
    for (const auto& [name, entries] : sections_) {
      out += ",\n  \"" + name + "\": [";
      for (size_t i = 0; i < entries.size(); i++) out += (i ? ",\n    " : "\n    ") + entries[i].json();
      out += "\n  ]";
    }
    return out + "\n}\n";
  }

 private:
  Entry about_;
  std::vector<std::pair<std::string, std::vector<Entry>>> sections_;
};

}  // namespace sparselab::cuda::bench
