package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sizeSuffixes are tried in order: a longer one before the one that ends it.
var sizeSuffixes = []struct {
	name  string
	bytes float64
}{
	{"KiB", kib},
	{"MiB", mib},
	{"GiB", gib},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
}

// parseSize reads "4MiB", "1.5 GiB", "64KB" or a plain number of bytes.
func parseSize(s string) (int64, error) {
	num, unit := s, 1.0
	for _, suffix := range sizeSuffixes {
		if cut, ok := strings.CutSuffix(s, suffix.name); ok {
			num, unit = strings.TrimRight(cut, " "), suffix.bytes
			break
		}
	}
	if unit == 1 {
		return parseCount(num)
	}
	if strings.Trim(num, "0123456789.") != "" {
		return 0, errors.New("write a size such as 65536, 64KiB or 4MiB")
	}
	f, err := strconv.ParseFloat(num, 64)
	if err != nil || f*unit > math.MaxInt64/2 {
		return 0, errors.New("write a size such as 65536, 64KiB or 4MiB")
	}
	if v := f * unit; v != math.Trunc(v) {
		return 0, errors.New("write a whole number of bytes")
	}
	return int64(f * unit), nil
}

// parseCount reads decimal digits, with "_" between them if wished. Octal and hexadecimal
// are refused, since YAML versions disagree about them.
func parseCount(s string) (int64, error) {
	digits := strings.TrimPrefix(s, "-")
	bad := digits == "" || strings.Trim(digits, "0123456789_") != "" ||
		strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") ||
		len(digits) > 1 && digits[0] == '0'
	if bad {
		return 0, errors.New("write a whole number in decimal digits")
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil {
		return 0, errors.New("write a smaller number")
	}
	return n, nil
}

// numberAt parses a string that holds a number of that field, or one of its words.
func numberAt(path, text string) (n int64, isNumber bool) {
	f := fieldAt(path)
	if slices.Contains(f.word, text) {
		return 0, false
	}
	parse := parseCount
	if f.unit == bytesUnit {
		parse = parseSize
	}
	n, err := parse(text)
	return n, err == nil
}

// parseDuration reads what time.ParseDuration reads; a number without a unit is refused,
// except 0.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, errors.New("write a duration with its unit, such as 500ms, 30s or 5m")
	}
	return d, nil
}

// formatSize writes n with the largest unit that divides it.
func formatSize(n int64) string {
	switch {
	case n != 0 && n%gib == 0:
		return fmt.Sprintf("%dGiB", n/gib)
	case n != 0 && n%mib == 0:
		return fmt.Sprintf("%dMiB", n/mib)
	case n != 0 && n%kib == 0:
		return fmt.Sprintf("%dKiB", n/kib)
	}
	return strconv.FormatInt(n, 10)
}

// formatDuration writes d as time.Duration does, without the zero parts at its end.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// format writes a number of this field as a file would.
func (f *field) format(n int64) string {
	switch f.unit {
	case bytesUnit:
		return formatSize(n)
	case durationUnit:
		return formatDuration(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}
