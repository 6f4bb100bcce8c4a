#include "controller/operate/table.h"

#include <gtest/gtest.h>

namespace serin::operate {
namespace {

TEST(Table, columns_are_as_wide_as_their_widest_cell) {
  Table table{{"HOST", "N", "STATE"}};
  table.add({"web-01", "1", "loaded"});
  table.add({"a", "200", "x"});
  EXPECT_EQ(table.text(),
            "HOST    N    STATE\n"
            "web-01  1    loaded\n"
            "a       200  x\n");
}

TEST(Table, no_line_ends_with_spaces) {
  Table table{{"HOST", "NOTE"}};
  table.add({"web-01", ""});
  table.add({"web-02", "blind"});
  EXPECT_EQ(table.text(), "HOST    NOTE\nweb-01\nweb-02  blind\n");
}

TEST(Table, a_column_without_any_cell_is_left_out) {
  Table table{{"HOST", "LABELS", "NOTE"}};
  table.add({"web-01", "", "x"});
  table.add({"web-02", "", ""});
  EXPECT_EQ(table.text(), "HOST    NOTE\nweb-01  x\nweb-02\n");
}

TEST(Table, without_rows_the_headings_stand_alone) {
  EXPECT_EQ((Table{{"HOST", "NOTE"}}.text()), "HOST  NOTE\n");
}

TEST(Table, counts_characters_and_not_bytes) {
  Table table{{"NAME", "N"}};
  table.add({"äöüßé", "1"});
  table.add({"abcde", "2"});
  EXPECT_EQ(table.text(), "NAME   N\näöüßé  1\nabcde  2\n");
}

}  // namespace
}  // namespace serin::operate
