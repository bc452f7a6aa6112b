package result

import "slices"

// Spread is the median of some runs and how far they lie apart.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of values; none give zeros.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	median := v[mid]
	if len(v)%2 == 0 {
		median = (v[mid-1] + v[mid]) / 2
	}
	return Spread{Median: median, Min: v[0], Max: v[len(v)-1]}
}

// Ratios divides run by run: the first run of values by the first of reference and so on, so
// that what slowed both down in one round cancels out. Runs without a partner are left out.
func Ratios(values, reference []float64) []float64 {
	var out []float64
	for i := range min(len(values), len(reference)) {
		if reference[i] > 0 {
			out = append(out, values[i]/reference[i])
		}
	}
	return out
}

// Text prints the median and, when the runs differ, how far they lie apart.
func (s Spread) Text() string {
	if s.Min == s.Max {
		return Number(s.Median)
	}
	return Number(s.Median) + " [" + Number(s.Min) + ".." + Number(s.Max) + "]"
}
