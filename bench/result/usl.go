package result

import "math"

// What the CPU of a call on one and on two cores says about more of them, by Gunther's Universal
// Scalability Law: n cores do n/(1 + s(n-1) + k n(n-1)) times the work of one, where s is the share
// of work that waits for others and k what it costs to agree with each of them. Two points give
// s + 2k alone, so that there are two extremes: all of it is s, or all of it is k.

// Loss returns s + 2k for the ratio of the CPU of a call on two cores to that on one. A ratio
// below one is no loss.
func Loss(ratio float64) float64 { return math.Max(0, ratio-1) }

// Speedup returns how many times the work of one core n cores do at that ratio: least if all loss
// is agreement (k), most if all is waiting (s).
func Speedup(n int, ratio float64) (least, most float64) {
	cores, loss := float64(n), Loss(ratio)
	most = cores / (1 + loss*(cores-1))
	least = cores / (1 + loss/2*cores*(cores-1))
	return least, most
}
