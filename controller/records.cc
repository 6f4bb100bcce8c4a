#include "controller/records.h"

namespace serin::controller {

std::string_view name_of(Trust trust) {
  switch (trust) {
    case Trust::untried: return "untried";
    case Trust::trusted: return "trusted";
    case Trust::forced: return "forced";
    case Trust::rejected: return "rejected";
  }
  return "untried";
}

}  // namespace serin::controller
