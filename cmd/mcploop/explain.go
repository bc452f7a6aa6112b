package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/server"
	"github.com/spf13/cobra"
)

// explainReport is what is known of a name: by the server, and by its configuration.
type explainReport struct {
	*server.Explanation
	Disabled []string `json:"disabled,omitempty"` // upstreams of the file that could have it
}

// Explain implements admin.Controls.
func (re *reloader) Explain(name string) any {
	report := &explainReport{Explanation: re.s.Explain(name)}
	re.mu.Lock()
	defer re.mu.Unlock()
	for _, up := range slices.Sorted(maps.Keys(re.now.Upstreams)) {
		u := re.now.Upstreams[up]
		if u.Disabled && (name == up || strings.HasPrefix(name, up+u.Separator)) {
			report.Disabled = append(report.Disabled, up)
		}
	}
	return report
}

func newExplainCommand() *cobra.Command {
	var f adminFlags
	cmd := &cobra.Command{
		Use:   "explain NAME -c FILE",
		Short: "Tell why a tool of a running server is there, hidden, denied, slow or broken",
		Long: "Tell what a running server knows of a tool, a resource or a prompt: where\n" +
			"clients see it, or what keeps it out, and what its upstream is doing. NAME is any\n" +
			"of its names: as clients call it, UPSTREAM__OWN, or its own name; or that of an\n" +
			"upstream, for all that it has listed and does not offer. The exit status is 1\n" +
			"when there is nothing of that name.",
		Example: "  mcploop explain github__create_issue -c mcploop.yaml\n" +
			"  mcploop explain create_issue --admin /run/mcploop/admin.sock --json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := "/explain?tool=" + url.QueryEscape(args[0])
			body, err := f.ask(cmd.Context(), http.MethodGet, target)
			if err != nil {
				return err
			}
			var report explainReport
			if err := json.Unmarshal(body, &report); err != nil {
				return fmt.Errorf("cannot read the server's answer %.100q: %w", body, err)
			}
			if f.json {
				fmt.Fprintf(cmd.OutOrStdout(), "%s", body)
			} else {
				report.print(cmd.OutOrStdout())
			}
			if len(report.Found)+len(report.Upstreams)+len(report.Disabled) == 0 {
				return errSilent
			}
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

func (r *explainReport) print(w io.Writer) {
	for i := range r.Found {
		printFinding(w, &r.Found[i])
	}
	switch {
	case len(r.Found) > 0:
	case len(r.Upstreams) == 0 && len(r.Disabled) == 0:
		fmt.Fprintf(w, "%s: nothing here has that name\n", r.Asked)
	case len(r.Upstreams) > 0 && r.Upstreams[0].Name != r.Asked:
		fmt.Fprintf(w, "%s: upstream %s has listed nothing of that name\n", r.Asked,
			r.Upstreams[0].Name)
	}
	if len(r.Closest) > 0 {
		fmt.Fprintf(w, "  similar:   %s\n", strings.Join(r.Closest, ", "))
	}
	for _, name := range r.Disabled {
		fmt.Fprintf(w, "upstream %s is disabled in the configuration file\n", name)
	}
	for i := range r.Upstreams {
		printUpstream(w, &r.Upstreams[i])
	}
}

func printFinding(w io.Writer, f *server.Finding) {
	name := f.Own
	if f.Upstream != "" {
		name = fmt.Sprintf("%q of upstream %s", f.Own, f.Upstream)
	}
	fmt.Fprintf(w, "%s %s: %s\n  why:       %s\n", f.Kind, name, f.Status, f.Why)
	for _, path := range slices.Sorted(maps.Keys(f.Names)) {
		fmt.Fprintf(w, "  seen:      on %s as %s\n", path, f.Names[path])
	}
	for _, path := range slices.Sorted(maps.Keys(f.Hidden)) {
		fmt.Fprintf(w, "  not seen:  on %s: %s\n", path, f.Hidden[path])
	}
	for _, path := range slices.Sorted(maps.Keys(f.Taken)) {
		fmt.Fprintf(w, "  not seen:  on %s, where %s has its name\n", path, f.Taken[path])
	}
	if f.Breaker != "" && f.Breaker != "closed" {
		fmt.Fprintf(w, "  breaker:   %s\n", f.Breaker)
	}
	if f.Calls > 0 {
		fmt.Fprintf(w, "  calls:     %d, p50 %s, p99 %s at most\n", f.Calls, millis(f.P50Ms),
			millis(f.P99Ms))
	}
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func printUpstream(w io.Writer, u *server.UpstreamFinding) {
	fmt.Fprintf(w, "upstream %s: %s\n  at:        %s\n", u.Name, u.State, u.Target)
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{what + ":"}, args...)...)
	}
	if u.Server != "" {
		line("server", "%s, revision %s", u.Server, u.Revision)
	}
	if u.LostSince != "" {
		line("lost", "since %s; after %v what it offers leaves the lists", u.LostSince,
			time.Duration(u.GraceMs)*time.Millisecond)
	}
	if u.RetryMs > 0 {
		line("next try", "in %v", time.Duration(u.RetryMs)*time.Millisecond)
	}
	if u.LastError != "" {
		line("last error", "%s (%s)", u.LastError, u.LastErrorAt)
	}
	if u.LastFailure != "" {
		line("last call", "that brought no answer: %s (%s)", u.LastFailure, u.LastFailAt)
	}
	if u.Breaker != "closed" {
		line("breaker", "%s: it has failed several times in a row, so calls are refused at once "+
			"until one that tries it succeeds", u.Breaker)
	}
	line("calls", "%d, of which %d failed and %d were cancelled; in flight %d of %d", u.Calls,
		u.Failed, u.Cancelled, u.InFlight, u.InFlightMax)
	line("starts", "%d", u.Starts)
	if u.Next != "" {
		line("next", "options have changed; the one with the new ones is %s, until it is ready "+
			"this one serves", u.Next)
	}
	if u.Leaving > 0 {
		line("leaving", "%d before it still have calls to answer", u.Leaving)
	}
	if u.NotOffered > 0 {
		line("not shown", "%d of what it has listed; mcploop explain %s tells which", u.NotOffered,
			u.Name)
	}
}
