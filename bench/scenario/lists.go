package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/client"
)

// lists looks at how soon a gateway has the tools of many upstreams, and how fast it lists them.
func lists() Scenario {
	return Scenario{
		Name: "lists",
		About: "a gateway that is started with it: how soon after --control, a URL, says that " +
			"the last upstream was asked (ms since 1970) it lists --rate tools; then its first " +
			"page",
		Preset: func(s *Settings) { s.Connections, s.Rate = 1, 10_000 },
		Run:    runLists,
	}
}

// listsPatience is how long a gateway may take until it lists all.
const listsPatience = time.Minute

func runLists(ctx context.Context, r *Run) error {
	o := r.options()
	if !o.OverHTTP() || r.Control == "" {
		return errors.New("cannot look at a gateway's lists: give --url and --control")
	}
	wanted := int(o.Rate)
	began := time.Now()
	ready, err := awaitTools(ctx, "http://"+o.Addr, wanted)
	if err != nil {
		return err
	}
	asked, err := r.lastAsked(ctx)
	if err != nil {
		return err
	}
	step := result.Step{Name: "ready"}
	step.Add("after the last upstream", "ms", float64(ready.Sub(asked).Milliseconds()), result.Less)
	step.Add("after it was looked at", "ms", float64(ready.Sub(began).Milliseconds()),
		result.Neither)
	step.Add("tools", "", float64(wanted), result.Neither)
	step.Verdict = fmt.Sprintf("%d tools %v after the last upstream was asked", wanted,
		ready.Sub(asked).Round(time.Millisecond))
	if p := r.opt.Progress; p != nil {
		p.End(&step)
	}
	r.File.Steps = append(r.File.Steps, step)
	o.Rate, o.Method, o.Expect = 0, []string{load.MethodList}, ""
	if _, err := r.load(ctx, "first page", o); err != nil {
		return err
	}
	return r.wholeList(ctx, "http://"+o.Addr+o.Path, wanted)
}

// awaitTools waits until the metrics say that so many tools are offered, and returns when.
func awaitTools(ctx context.Context, base string, wanted int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, listsPatience)
	defer cancel()
	for {
		count, err := toolsOffered(ctx, base+"/metrics")
		if err == nil && count >= wanted {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s has %d of %d tools: %w", base, count, wanted,
				errors.Join(err, context.Cause(ctx)))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// toolsOffered sums up what the metrics say of each upstream.
func toolsOffered(ctx context.Context, url string) (count int, err error) {
	text, err := get(ctx, url)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "mcploop_upstream_tools{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			n, bad := strconv.Atoi(strings.TrimSpace(value))
			count, err = count+n, errors.Join(err, bad)
		}
	}
	return count, err
}

// lastAsked is when the last upstream was asked for its tools.
func (r *Run) lastAsked(ctx context.Context) (time.Time, error) {
	text, err := get(ctx, r.Control)
	if err != nil {
		return time.Time{}, err
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("--control says no time: %w", err)
	}
	return time.UnixMilli(ms), nil
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("cannot ask %q: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot ask %q: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return string(text), err
}

// wholeList reads every page once.
func (r *Run) wholeList(ctx context.Context, url string, wanted int) error {
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // nothing is in flight
	began := time.Now()
	pages, names := 0, map[string]bool{}
	params := map[string]any{}
	for {
		raw, err := c.Raw(ctx, "tools/list", params)
		if err != nil {
			return err
		}
		var page struct {
			Tools []struct {
				Name string `json:"name"`
			} `json:"tools"`
			NextCursor *string `json:"nextCursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("cannot read a page of tools/list: %w", err)
		}
		pages++
		for _, t := range page.Tools {
			names[t.Name] = true
		}
		if page.NextCursor == nil {
			break
		}
		params["cursor"] = *page.NextCursor
	}
	step := result.Step{Name: "whole list"}
	step.Add("pages", "", float64(pages), result.Neither)
	step.Add("time", "ms", float64(time.Since(began).Microseconds())/1e3, result.Less)
	step.Verdict = fmt.Sprintf("%d tools on %d pages", len(names), pages)
	if len(names) < wanted {
		step.Fault = fmt.Sprintf("%d tools are listed, want %d", len(names), wanted)
	}
	if p := r.opt.Progress; p != nil {
		p.End(&step)
	}
	r.File.Steps = append(r.File.Steps, step)
	return nil
}
