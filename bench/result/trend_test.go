package result

import (
	"math"
	"math/rand/v2"
	"testing"
)

// series is slope*x + 100 with even noise of that width.
func series(n int, slope, noise float64) (x, y []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		x = append(x, float64(i))
		y = append(y, 100+slope*float64(i)+noise*(r.Float64()-0.5))
	}
	return x, y
}

func TestTrend(t *testing.T) {
	x, y := series(600, 2, 0)
	tr, ok := TrendOf(x, y)
	if !ok || math.Abs(tr.Slope-2) > 1e-9 || tr.Error95 > 1e-9 || !tr.Rises(1) || tr.Rises(3) {
		t.Errorf("got %+v, %v for a line of slope 2", tr, ok)
	}
	x, y = series(600, 0, 50)
	if tr, ok := TrendOf(x, y); !ok || tr.Rises(0) || tr.Error95 < 0.001 {
		t.Errorf("got %+v, %v for noise alone, want no growth", tr, ok)
	}
	x, y = series(600, 0.1, 50)
	if tr, ok := TrendOf(x, y); !ok || !tr.Rises(0.05) || math.Abs(tr.Slope-0.1) > tr.Error95 {
		t.Errorf("got %+v, %v for a slope of 0.1 in noise, want it found", tr, ok)
	}
	x, y = series(600, -1, 1)
	if tr, _ := TrendOf(x, y); tr.Rises(0) {
		t.Errorf("got %+v for a falling line, want no growth", tr)
	}
	x, y = series(2, 1, 0)
	if _, ok := TrendOf(x, y); ok {
		t.Error("got a trend of two points")
	}
}

// TestTrendKeepsItsPromise counts how often the interval misses the true slope.
func TestTrendKeepsItsPromise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	missed := 0
	const runs = 1000
	for range runs {
		var x, y []float64
		for i := range 200 {
			x, y = append(x, float64(i)), append(y, 0.5*float64(i)+10*r.NormFloat64())
		}
		if tr, _ := TrendOf(x, y); math.Abs(tr.Slope-0.5) > tr.Error95 {
			missed++
		}
	}
	if missed < runs*2/100 || missed > runs*8/100 {
		t.Errorf("the interval missed the slope %d times of %d, want about 50", missed, runs)
	}
}
