package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mcploop/mcploop/server/admin"
	"github.com/mcploop/mcploop/server/config"
	"github.com/spf13/cobra"
)

// adminFlags say which running server is meant.
type adminFlags struct {
	file    string
	addr    string
	timeout time.Duration
	json    bool
}

func (f *adminFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "config", "c", "", "the file that the server was started with")
	flags.StringVar(&f.addr, "admin", "", "the server's admin.listen, in place of -c: "+
		"the path of a socket or host:port")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "longest wait for the answer")
	flags.BoolVar(&f.json, "json", false, "print what the server answers")
	cmd.MarkFlagsOneRequired("config", "admin")
	cmd.MarkFlagsMutuallyExclusive("config", "admin")
}

func newReloadCommand() *cobra.Command {
	var f adminFlags
	cmd := &cobra.Command{
		Use:   "reload -c FILE",
		Short: "Have a running server take its changed file over; exit status 1 when it cannot",
		Long: "Have a running server read its configuration file again and print what has\n" +
			"changed. A file with a fault changes nothing: the fault is printed and the exit\n" +
			"status is 1.",
		Example: "  mcploop reload -c mcploop.yaml\n" +
			"  mcploop reload --admin /run/mcploop/admin.sock",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := f.ask(cmd.Context(), http.MethodPost, "/reload")
			if err != nil {
				return err
			}
			var report reloadReport
			if err := json.Unmarshal(body, &report); err != nil {
				return fmt.Errorf("cannot read the server's answer %.100q: %w", body, err)
			}
			switch {
			case f.json:
				fmt.Fprintf(cmd.OutOrStdout(), "%s", body)
			case report.Result != resultFailed:
				report.print(cmd.OutOrStdout())
			default:
				fmt.Fprintf(cmd.ErrOrStderr(), "%s was not taken over, everything stays as it "+
					"is:\n%s\n", report.File, report.Error)
			}
			if report.Result == resultFailed {
				return errSilent
			}
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

// ask sends a request to the server that the flags name.
func (f *adminFlags) ask(ctx context.Context, method, target string) ([]byte, error) {
	places, err := f.places()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	var faults []error
	for _, addr := range places {
		body, status, err := admin.Ask(ctx, addr, method, target)
		switch {
		case err != nil:
			faults = append(faults, err)
		case status != http.StatusOK && status != http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("cannot use the answer of %s: status %d: %.200s", addr, status,
				strings.TrimSpace(string(body)))
		default:
			return body, nil
		}
	}
	return nil, fmt.Errorf("cannot reach a server: %w; is it running with this file? Else say "+
		"--admin, its admin.listen", errors.Join(faults...))
}

// places are where the server may be found. A file that is broken may be reloaded, too: its server
// says what is wrong with it; but where admin.listen is not auto the file must say so.
func (f *adminFlags) places() ([]admin.Addr, error) {
	if f.addr != "" {
		return []admin.Addr{admin.At(f.addr)}, nil
	}
	listen := config.Auto
	if cfg, _, err := config.LoadAgain(f.file); err == nil { // a pipe is not waited for
		listen = cfg.Admin.Listen
	}
	places := admin.Places(listen, f.file)
	if len(places) == 0 {
		return nil, fmt.Errorf("cannot reach a server: admin.listen is off in %s", f.file)
	}
	return places, nil
}

// print prints what has changed, a line for each kind.
func (r *reloadReport) print(w io.Writer) {
	if r.Result == resultUnchanged {
		fmt.Fprintf(w, "%s (sha256 %s): nothing has changed\n", r.File, r.Sum)
	} else {
		fmt.Fprintf(w, "%s (sha256 %s) was taken over\n", r.File, r.Sum)
	}
	line := func(kind string, names []string, sep string) {
		if len(names) > 0 {
			fmt.Fprintf(w, "  %-8s  %s\n", kind, strings.Join(names, sep))
		}
	}
	changed := make([]string, len(r.Changed))
	for i, name := range r.Changed {
		changed[i] = name + " (" + commas(r.Keys[name]) + ")"
	}
	const below = "\n            "
	line("added", r.Added, ", ")
	line("removed", r.Removed, ", ")
	line("changed", changed, ", ")
	line("kept", r.Kept, ", ")
	line("views", r.Views, ", ")
	line("applied", r.Applied, below)
	line("restart", r.Restart, below)
	if len(r.Restart) > 0 {
		fmt.Fprintln(w, "what stands behind restart counts from the next start on")
	}
}
