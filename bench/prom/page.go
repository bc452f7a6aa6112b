package prom

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Page is what a server told at one moment. The zero value is empty; reading it is safe for
// concurrent use.
type Page struct {
	values map[string]float64 // by name with its labels, as they were printed
}

const (
	askTime = 2 * time.Second
	pageMax = 16 << 20
)

// Get asks url. What answers with no metric at all is an error. No connection is kept: it would
// count as one of the server's.
func Get(ctx context.Context, url string) (*Page, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	page, err := get(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics of %q: %w", url, err)
	}
	return page, nil
}

func get(ctx context.Context, url string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, pageMax))
	if err != nil {
		return nil, err
	}
	return Parse(body)
}

// errNoMetrics is what Parse returns for a text without any.
var errNoMetrics = errors.New("there is no metric in it")

// Parse reads lines of a name, its labels and a value; what follows the value is a time and is
// left out. Lines that are nothing of this are an error: the text is something else.
func Parse(text []byte) (*Page, error) {
	p := &Page{values: map[string]float64{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, pageMax)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(line, '}') + 1
		if end == 0 {
			end = max(0, strings.IndexAny(line, " \t"))
		}
		fields := strings.Fields(line[end:])
		if end == 0 || len(fields) == 0 {
			return nil, fmt.Errorf("cannot read the line %.80q", line)
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the line %.80q: %w", line, err)
		}
		p.values[line[:end]] = v
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.values) == 0 {
		return nil, errNoMetrics
	}
	return p, nil
}

// Value returns the metric of that name, which has no labels.
func (p *Page) Value(name string) (float64, bool) {
	v, ok := p.values[name]
	return v, ok
}

// Labels returns how many different values the label has in all metrics of that name.
func (p *Page) Labels(name, label string) int {
	seen := map[string]bool{}
	for key := range p.values {
		if labels, ok := strings.CutPrefix(key, name+"{"); ok {
			if v, ok := labelOf(labels, label); ok {
				seen[v] = true
			}
		}
	}
	return len(seen)
}

// labelOf finds the value of a label in `a="1",b="2"}`; escapes in it are left as they are.
func labelOf(labels, label string) (string, bool) {
	at := strings.Index(","+labels, ","+label+`="`)
	if at < 0 {
		return "", false
	}
	v, _, ok := strings.Cut(labels[at+len(label)+2:], `"`)
	return v, ok
}

// Quantile returns a bound below which the part q (0..1) lies of what the histogram name, which
// has no label but le, counted between the pages from (nil: from the start) and to: the upper end
// of its bucket, +Inf when that has none. ok is false when nothing was counted.
func Quantile(from, to *Page, name string, q float64) (bound float64, ok bool) {
	type bucket struct{ le, count float64 }
	var buckets []bucket
	for key, count := range to.values {
		labels, found := strings.CutPrefix(key, name+"_bucket{")
		if !found {
			continue
		}
		text, _ := labelOf(labels, "le")
		le, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		if from != nil {
			count -= from.values[key]
		}
		buckets = append(buckets, bucket{le, count})
	}
	slices.SortFunc(buckets, func(a, b bucket) int {
		if a.le < b.le {
			return -1
		}
		return 1
	})
	if len(buckets) == 0 || buckets[len(buckets)-1].count <= 0 {
		return 0, false
	}
	rank := math.Ceil(q * buckets[len(buckets)-1].count)
	for _, b := range buckets {
		if b.count >= max(1, rank) {
			return b.le, true
		}
	}
	return math.Inf(1), true
}
