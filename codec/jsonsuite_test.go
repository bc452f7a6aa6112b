package codec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// suiteDir holds test_parsing of the public JSONTestSuite, beside the repository.
const suiteDir = "../../shared/corpora/jsontestsuite/test_parsing"

// undefined says what we do with the suite's i_ files, whose outcome RFC 8259 leaves open. It
// accepts numbers of any size (they stay text) and lone surrogate escapes; it refuses what is
// no UTF-8, a byte order mark, and nesting beyond DepthMax.
var undefined = map[string]bool{
	"i_number_double_huge_neg_exp.json":                   true,
	"i_number_huge_exp.json":                              true,
	"i_number_neg_int_huge_exp.json":                      true,
	"i_number_pos_double_huge_exp.json":                   true,
	"i_number_real_neg_overflow.json":                     true,
	"i_number_real_pos_overflow.json":                     true,
	"i_number_real_underflow.json":                        true,
	"i_number_too_big_neg_int.json":                       true,
	"i_number_too_big_pos_int.json":                       true,
	"i_number_very_big_negative_int.json":                 true,
	"i_object_key_lone_2nd_surrogate.json":                true,
	"i_string_1st_surrogate_but_2nd_missing.json":         true,
	"i_string_1st_valid_surrogate_2nd_invalid.json":       true,
	"i_string_incomplete_surrogate_and_escape_valid.json": true,
	"i_string_incomplete_surrogate_pair.json":             true,
	"i_string_incomplete_surrogates_escape_valid.json":    true,
	"i_string_invalid_lonely_surrogate.json":              true,
	"i_string_invalid_surrogate.json":                     true,
	"i_string_inverted_surrogates_U+1D11E.json":           true,
	"i_string_lone_second_surrogate.json":                 true,
	"i_string_UTF-16LE_with_BOM.json":                     false,
	"i_string_UTF-8_invalid_sequence.json":                false,
	"i_string_UTF8_surrogate_U+D800.json":                 false,
	"i_string_invalid_utf-8.json":                         false,
	"i_string_iso_latin_1.json":                           false,
	"i_string_lone_utf8_continuation_byte.json":           false,
	"i_string_not_in_unicode_range.json":                  false,
	"i_string_overlong_sequence_2_bytes.json":             false,
	"i_string_overlong_sequence_6_bytes.json":             false,
	"i_string_overlong_sequence_6_bytes_null.json":        false,
	"i_string_truncated-utf-8.json":                       false,
	"i_string_utf16BE_no_BOM.json":                        false,
	"i_string_utf16LE_no_BOM.json":                        false,
	"i_structure_500_nested_arrays.json":                  false,
	"i_structure_UTF-8_BOM_empty_object.json":             false,
}

// Every file of the suite, alone and as the value of a member of params.
func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suiteDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no JSONTestSuite in %s: fetch it beside the repository to run this test", suiteDir)
	}
	var s Scanner
	var m Message
	left := len(undefined)
	for _, file := range files {
		name := filepath.Base(file)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := name[0] == 'y'
		if name[0] == 'i' {
			accept, listed := undefined[name]
			if !listed {
				t.Errorf("%s is not in the table of undefined cases", name)
			}
			want = accept
			left--
		}
		if got := s.Scan(content, &m) != ErrParse; got != want {
			t.Errorf("%s alone: accepted %v; want %v", name, got, want)
		}
		call := `{"jsonrpc":"2.0","id":1,"method":"a","params":{"v":` + string(content) + `}}`
		if got := s.Scan([]byte(call), &m) != ErrParse; got != want {
			t.Errorf("%s in params: accepted %v; want %v", name, got, want)
		}
		if !want {
			continue
		}
		if raw := strings.Trim(string(content), " \t\r\n"); string(m.Param("v")) != raw {
			t.Errorf("%s: v = %q; want %q", name, m.Param("v"), raw)
		}
	}
	if left != 0 {
		t.Errorf("%d undefined cases of the table were not in the suite", left)
	}
}
