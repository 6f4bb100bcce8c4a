#pragma once

#include <string>
#include <vector>

namespace serin::operate {

/// Columns for a terminal: each as wide as its widest cell (in bytes of UTF-8 characters), two spaces between them, no
/// trailing space; columns without any cell are left out. Cells must be safe to show already.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  /// As many cells as headings.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace serin::operate
