# Statistics of repeated runs.

def mean: if length == 0 then null else add / length end;

# Of Student's distribution, two-sided, 95 %; by runs.
def student: [0, 0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
    2.131, 2.120, 2.110, 2.101, 2.093][[., 20] | min];

# Half of the 95 % interval of the mean; 0 for a single run, of which none is known.
def half: length as $n | if $n < 2 then 0 else
    mean as $m | (map(. - $m | . * .) | add / ($n - 1) | sqrt) * ($n | student) / ($n | sqrt) end;

# One case of an array of them, by factors: at({cut: "3"}).
def at($wanted): first(.[] | select(.factors as $has | all($wanted | to_entries[]; $has[.key] == .value)));

# What its runs say: an array; a run that has nothing to say of it is not counted.
def each(f): [.reports[] | f | values];
def value(f): each(f) | mean;
# The ratios of two cases in the same round: what disturbs the machine then disturbs both.
def paired($other; f): [.reports[] as $one | $other.reports[] | select(.run == $one.run) |
    [($one | f), f] | select(all(. != null)) | .[0] / .[1]];
# A value for `goal`: mean and half of its interval.
def for_goal: "\(mean) \(if length > 1 then half else "" end)";

# The part of the rate of one device that each added one costs.
def cost($one): (.factors.devices | tonumber - 1) as $added | paired($one; .rate) | map((1 - .) / $added);

# Images, or frames, per minute.
def pace: .rate * 60;
# Of a report: its stages on a device.
def on($device): [.stages[] | select(.device == $device)];
def cores($device): on($device) | map(.cpu) | add // 0;
def megabytes($device): on($device) | map(.rss_mb) | add // 0;
def traffic: [.links[] | .bytes] | add // 0;

# Where its network is cut, "15+20", or "none"; with other plans in other runs, "15+20 or 12+20".
def cuts: [.reports[].stages | [.[].cut[0]? | select(. > 0)] | unique | map(tostring) | if length == 0 then "none" else join("+") end] |
    group_by(.) | sort_by(-length) | map(.[0]) | join(" or ");

def round_to($digits): pow(10; $digits) as $p | if . == null then null else (. * $p | round) / $p end;
# As a table wants a number: with three digits or more.
def shown: if . == null then "" elif type != "number" then . elif . == 0 then 0
    elif fabs >= 100 then round else round_to([0, 2 - (fabs | log10 | floor)] | max) end;
def row: map(shown) | @csv | gsub("\""; "");
