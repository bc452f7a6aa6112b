package result

import "testing"

func TestSpread(t *testing.T) {
	f := func(in []float64, want Spread) {
		t.Helper()
		if got := SpreadOf(in); got != want {
			t.Errorf("%v: got %+v, want %+v", in, got, want)
		}
	}
	f(nil, Spread{})
	f([]float64{3}, Spread{3, 3, 3})
	f([]float64{9, 1, 5}, Spread{5, 1, 9})
	f([]float64{4, 1, 3, 2}, Spread{2.5, 1, 4})
}

func TestRatiosAreRunByRun(t *testing.T) {
	got := SpreadOf(Ratios([]float64{10, 40, 30}, []float64{5, 20, 10, 1}))
	if want := (Spread{2, 2, 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Ratios([]float64{1, 2}, []float64{0, 4}); len(got) != 1 || got[0] != 0.5 {
		t.Errorf("got %v, want the run without a reference left out", got)
	}
}
