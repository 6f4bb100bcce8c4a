#pragma once

#include <cstddef>
#include <memory>

namespace serin::count {

/// Tells whether a file was truncated to nothing since the mark was placed, also when it has grown back and holds the
/// same bytes. The mark is one byte in a private copy of the file's first page: whatever is written into the file
/// leaves the copy alone, and a truncation drops it (Linux: truncate_pagecache() unmaps private copies too), so that
/// the file's own byte shows. Holds for filesystems of this host; of another host's truncation on a network filesystem
/// nothing is promised. Costs 4 KiB of memory; never raises SIGBUS. Single-threaded.
class TruncationMark {
 public:
  /// False: it cannot be placed here (an empty file, a filesystem without mappings), and is_gone() is never true.
  bool place(int fd);
  void remove() { page_.reset(); }
  [[nodiscard]] bool is_placed() const { return page_ != nullptr; }
  [[nodiscard]] bool is_gone() const;

 private:
  struct Unmap {
    void operator()(void* page) const;
  };
  std::unique_ptr<void, Unmap> page_;
  char mark_ = 0;
};

}  // namespace serin::count
