package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/mcploop/mcploop/cmd/mcploop/doctor"
	"github.com/mcploop/mcploop/server/config"
	"github.com/spf13/cobra"
)

// Exit statuses of doctor. 1 is also that of a doctor that could not begin.
const (
	statusWarned  exitStatus = 1
	statusLacking exitStatus = 2
)

const doctorMax = 1_000_000_000 // keeps bytes of connections far from overflowing

// doctorFlags say what the host is to do, and where to look.
type doctorFlags struct {
	connections int
	rate        int
	file        string
	host        doctor.Host
	strict      bool
	format      string
	json        bool
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host lacks for so many connections and messages, and the cure",
		Long: "Say what this host lacks to serve so many connections and messages per second,\n" +
			"why, and which command cures it. It only reads. Without --pid the limits are those\n" +
			"of doctor itself, hence of a server started in the same way.\n\n" +
			"Exit status: 0 all is well, 1 warnings and --strict (or doctor could not run),\n" +
			"2 something is lacking.",
		Example: "  mcploop doctor --connections 15000 --rate 50000\n" +
			"  mcploop doctor -c mcploop.yaml --unit mcploop.service --strict\n" +
			"  mcploop doctor --connections 100000 --pid $(pidof mcploop) --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.connections, "connections", 0,
		"connections open at once (default: limits.connections)")
	flags.IntVar(&f.rate, "rate", 0, "messages per second")
	flags.StringVarP(&f.file, "config", "c", "", "configuration file (YAML) of the server")
	flags.IntVar(&f.host.PID, "pid", 0, "a process whose limits count, as a running server")
	flags.StringVar(&f.host.Unit, "unit", "",
		"systemd unit of the server (default: the one doctor, or --pid, runs in)")
	flags.BoolVar(&f.strict, "strict", false, "exit status 1 when there are warnings")
	flags.StringVar(&f.format, "format", "text", "text or json")
	flags.BoolVar(&f.json, "json", false, "the same as --format json")
	flags.StringVar(&f.host.Root, "root", "",
		"look for /proc, /sys and /etc below this folder (a container's /host)")
	cmd.MarkFlagsMutuallyExclusive("format", "json")
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	need, err := f.need()
	if err != nil {
		return err
	}
	report, err := f.host.Examine(need)
	if err != nil {
		return err
	}
	if f.json || f.format == "json" {
		err = printReportJSON(cmd.OutOrStdout(), &report)
	} else {
		printReport(cmd.OutOrStdout(), &report)
	}
	switch {
	case err != nil:
		return fmt.Errorf("cannot print the report: %w", err)
	case report.Status == doctor.Fail:
		return statusLacking
	case report.Status == doctor.Warn && f.strict:
		return statusWarned
	}
	return nil
}

// need is what the flags ask for, and what the server's configuration says of itself.
func (f *doctorFlags) need() (doctor.Need, error) {
	if f.format != "text" && f.format != "json" {
		return doctor.Need{}, fmt.Errorf("cannot print format %q; say text or json", f.format)
	}
	for _, n := range []int{f.connections, f.rate, f.host.PID} {
		if n < 0 || n > doctorMax {
			return doctor.Need{}, fmt.Errorf("cannot use %d: --connections, --rate and --pid "+
				"must be 0 to %d", n, doctorMax)
		}
	}
	cfg := config.Default()
	if f.file != "" {
		var err error
		if cfg, err = config.Load(f.file); err != nil {
			return doctor.Need{}, err
		}
	}
	need := doctor.Need{
		Connections: f.connections, Rate: f.rate, ConnectionsMax: cfg.Limits.Connections,
		Backlog: cfg.Loops.Backlog, Workers: cfg.Workers.Count,
	}
	if n, isNumber := cfg.Memory.LimitBytes(); isNumber {
		need.MemoryLimit = n
	} else if cfg.Memory.Limit == config.Off {
		need.MemoryLimit = doctor.NoLimit
	}
	if need.Connections == 0 {
		need.Connections = cfg.Limits.Connections
	}
	return need, nil
}

func printReportJSON(w io.Writer, r *doctor.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// printReport prints a line for each finding, and more of those that are not well.
func printReport(w io.Writer, r *doctor.Report) {
	count := map[doctor.Status]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		count[f.Status]++
		fmt.Fprintf(w, "%-4s  %-20s  %s\n", f.Status, f.Check, f.Found)
		if f.Status != doctor.OK {
			fmt.Fprintf(w, "%28s  wanted: %s\n", "", f.Wanted)
			fmt.Fprintf(w, "%28s  why:    %s\n%28s  cure:   %s\n", "", f.Why, "", f.Cure)
		}
	}
	fmt.Fprintf(w, "\n%d connections, %d messages/s: %d ok, %d warn, %d fail\n", r.Connections,
		r.Rate, count[doctor.OK], count[doctor.Warn], count[doctor.Fail])
}
