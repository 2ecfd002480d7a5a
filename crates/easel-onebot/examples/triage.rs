//! Prints how long one frame of chatter costs: `cargo run --release -p easel-onebot --example triage`.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::{hint::black_box, time::Instant};

const ROUNDS: u32 = 200_000;

fn main() {
    let account = "3001000001";
    let link = "https://multimedia.nt.qq.com.cn/download?appid=1407&fileid=EhQ5BLRT4bxJ_-4xGJw0CPyUSdNP-hjxoQMg_woo97TXi4H5&rkey=CAMSMHZcvYpydW6Jd6MEgu9qGQSoNy51BvMh7VuYaqAlkE9wSaCC2fviyIEusCssZpMBLA";
    let text = "今天的天气真不错，大家晚上一起出来吃个饭吧，顺便聊聊上次说的那件事情。".repeat(3);
    let frames = [
        ("text", format!(r#"[{{"type":"text","data":{{"text":"{text}"}}}}]"#)),
        (
            "reply",
            format!(
                r#"[{{"type":"reply","data":{{"id":"88"}}}},{{"type":"at","data":{{"qq":"20003"}}}},{{"type":"text","data":{{"text":" {text}"}}}}]"#
            ),
        ),
        (
            "picture",
            format!(
                r#"[{{"type":"image","data":{{"summary":"","file":"A.jpg","sub_type":0,"url":"{link}","file_size":"445577"}}}}]"#
            ),
        ),
        ("command", r#"[{"type":"text","data":{"text":"/生图 一只猫"}}]"#.to_owned()),
    ];
    let starts_command = |text: &str| text.starts_with("/生图") || text.starts_with("/draw");
    for (name, message) in frames {
        let frame = format!(
            r#"{{"self_id":{account},"user_id":20002,"time":1789000211,"message_id":1654096211,"message_seq":1654096211,"real_id":1654096211,"real_seq":"35012","message_type":"group","sender":{{"user_id":20002,"nickname":"用户20002","card":"","role":"member"}},"raw_message":"{text}","font":14,"sub_type":"normal","message":{message},"message_format":"array","post_type":"message","group_id":700000001,"group_name":"群700000001"}}"#
        );
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(easel_onebot::is_chatter(black_box(&frame), account, &starts_command));
        }
        println!("{name}: {} bytes, {} ns", frame.len(), start.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}
