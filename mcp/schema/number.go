package schema

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// decimal is a number exactly: mant * 10^exp, negative when neg. Zero has exp 0.
type decimal struct {
	mant uint64
	exp  int
	neg  bool
}

// Numbers with more digits or larger exponents take the way over big.Rat.
const (
	decimalDigits = 18
	decimalExp    = 18
)

// parseDecimal reads the valid JSON number raw; false when it is too long for a decimal.
func parseDecimal(raw []byte) (d decimal, ok bool) {
	i, used := 0, 0
	if raw[0] == '-' {
		d.neg = true
		i++
	}
	point := false
	for ; i < len(raw); i++ {
		switch c := raw[i]; {
		case c-'0' <= 9:
			if used == decimalDigits {
				return d, false
			}
			if d.mant = d.mant*10 + uint64(c-'0'); d.mant != 0 {
				used++
			}
			if point {
				d.exp--
			}
		case c == '.':
			point = true
		default: // e or E
			e, err := strconv.ParseInt(string(raw[i+1:]), 10, 16)
			if err != nil {
				return d, false
			}
			d.exp += int(e)
			i = len(raw)
		}
	}
	return d.reduced()
}

// reduced takes zeros off the mantissa, so that a whole number is one with exp >= 0.
func (d decimal) reduced() (decimal, bool) {
	if d.mant == 0 {
		return decimal{}, true
	}
	for d.exp < 0 && d.mant%10 == 0 {
		d.mant /= 10
		d.exp++
	}
	return d, d.exp >= -decimalExp && d.exp <= decimalExp
}

var powers = func() (p [decimalExp + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// compare is -1, 0 or 1; false when the two are too far apart to tell without big numbers.
func (d decimal) compare(o decimal) (order int, ok bool) {
	if d.neg != o.neg {
		if d.neg {
			return -1, true
		}
		return 1, true
	}
	shift := d.exp - o.exp
	if shift > decimalExp || shift < -decimalExp {
		return 0, false
	}
	var dHi, oHi uint64
	dLo, oLo := d.mant, o.mant
	if shift >= 0 {
		dHi, dLo = bits.Mul64(dLo, powers[shift])
	} else {
		oHi, oLo = bits.Mul64(oLo, powers[-shift])
	}
	switch {
	case dHi > oHi || dHi == oHi && dLo > oLo:
		order = 1
	case dHi < oHi || dHi == oHi && dLo < oLo:
		order = -1
	}
	if d.neg {
		order = -order
	}
	return order, true
}

// multipleOf tells whether d is a whole multiple of o > 0; ok as for compare.
func (d decimal) multipleOf(o decimal) (yes, ok bool) {
	if d.mant == 0 {
		return true, true
	}
	shift := d.exp - o.exp
	if shift > decimalExp || shift < -decimalExp {
		return false, false
	}
	if shift >= 0 {
		hi, lo := bits.Mul64(d.mant, powers[shift])
		return bits.Rem64(hi, lo, o.mant) == 0, true
	}
	hi, lo := bits.Mul64(o.mant, powers[-shift])
	return hi == 0 && d.mant%lo == 0, true
}

// Numbers beyond these are not calculated with: 10^exponent is written out by big.Rat.
const (
	ratBytes    = 1000
	ratExponent = 1000
)

// ratOf reads a valid JSON number of any size up to ratBytes and ratExponent.
func ratOf(raw []byte) (*big.Rat, bool) {
	if len(raw) > ratBytes {
		return nil, false
	}
	for i, c := range raw {
		if c|0x20 != 'e' {
			continue
		}
		e, err := strconv.Atoi(string(raw[i+1:]))
		if err != nil || e > ratExponent || e < -ratExponent {
			return nil, false
		}
	}
	return new(big.Rat).SetString(string(raw))
}

// bound is a number of the schema, in both forms.
type bound struct {
	set   bool
	small bool // dec is exact
	dec   decimal
	rat   *big.Rat
}

func boundOf(raw []byte) (b bound, ok bool) {
	b.set = true
	b.dec, b.small = parseDecimal(raw)
	b.rat, ok = ratOf(raw)
	return b, ok
}

// measured is a number that is checked.
type measured struct {
	raw   []byte
	dec   decimal
	small bool
	rat   *big.Rat // made when somebody needs it
}

func (m *measured) big() bool {
	if m.rat == nil {
		m.rat, _ = ratOf(m.raw)
	}
	return m.rat != nil
}

// compare is m against b; false when m is too long to calculate with.
func (m *measured) compare(b *bound) (order int, ok bool) {
	if m.small && b.small {
		if order, ok = m.dec.compare(b.dec); ok {
			return order, true
		}
	}
	if !m.big() {
		return 0, false
	}
	return m.rat.Cmp(b.rat), true
}

func (m *measured) multipleOf(b *bound) (yes, ok bool) {
	if m.small && b.small {
		if yes, ok = m.dec.multipleOf(b.dec); ok {
			return yes, true
		}
	}
	if !m.big() {
		return false, false
	}
	return new(big.Rat).Quo(m.rat, b.rat).IsInt(), true
}

func (m *measured) whole() (yes, ok bool) {
	if m.small {
		return m.dec.exp >= 0, true
	}
	if !m.big() {
		return false, false
	}
	return m.rat.IsInt(), true
}

// setUsual finds low and high; 1 and 0 when whole numbers have to be looked at one by one.
func (r *numberRule) setUsual() {
	r.low, r.high = math.MinInt64, math.MaxInt64
	for _, b := range []*bound{&r.min, &r.max, &r.above, &r.below, &r.multiple} {
		if b.set && (!b.rat.IsInt() || b.rat.Num().BitLen() > 62 || b == &r.multiple) {
			r.low, r.high = 1, 0
			return
		}
	}
	if r.min.set {
		r.low = r.min.rat.Num().Int64()
	}
	if r.max.set {
		r.high = r.max.rat.Num().Int64()
	}
	if r.above.set {
		r.low = max(r.low, r.above.rat.Num().Int64()+1)
	}
	if r.below.set {
		r.high = min(r.high, r.below.rat.Num().Int64()-1)
	}
}
