package result

import "math"

// Trend is the straight line through measurements, by least squares.
type Trend struct {
	Slope   float64 // per unit of x
	Error95 float64 // the slope lies within this of the true one, in 95 of 100 cases
}

// blocksMax is how many means a trend is made of. What a process has resident at one moment
// resembles what it had a second ago; taken as independent, samples would promise a precision
// that is not there. Means over a twentieth of the time are nearly independent.
const blocksMax = 20

// TrendOf returns the trend of y over x, which rises. It wants three points.
func TrendOf(x, y []float64) (Trend, bool) {
	x, y = blocks(x), blocks(y)
	n := float64(len(x))
	if len(x) < 3 || len(x) != len(y) {
		return Trend{}, false
	}
	mx, my := mean(x), mean(y)
	var sxx, sxy, rest float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	if sxx == 0 {
		return Trend{}, false
	}
	slope := sxy / sxx
	for i := range x {
		r := y[i] - my - slope*(x[i]-mx)
		rest += r * r
	}
	return Trend{slope, student95(len(x)-2) * math.Sqrt(rest/(n-2)/sxx)}, true
}

// Rises reports whether the slope is above zero beyond doubt, and above noise.
func (t Trend) Rises(noise float64) bool { return t.Slope-t.Error95 > 0 && t.Slope > noise }

// blocks returns the means of at most blocksMax runs of v, all of nearly the same length.
func blocks(v []float64) []float64 {
	n := min(blocksMax, len(v))
	out := make([]float64, 0, n)
	for i := range n {
		out = append(out, mean(v[len(v)*i/n:len(v)*(i+1)/n]))
	}
	return out
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// student95 is the quantile 0.975 of Student's t with so many degrees of freedom, 1 to 18.
func student95(freedom int) float64 {
	return [...]float64{
		12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
		2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
	}[min(max(freedom, 1), 18)-1]
}
