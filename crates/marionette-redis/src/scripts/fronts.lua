-- Makes the hints of lanes exact from which jobs were taken otherwise than by a claim. A hint that
-- is too early would let a claim look into a lane before one whose jobs have been due for longer.
local function correct_hints(lanes)
  for lane in pairs(lanes) do
    if call('HEXISTS', K.paused, sub(lane, 3, 5)) == 0 then
      local hints = sub(lane, 6) == '1' and K.suspects or K.hints
      local upto = '(' .. lane .. '\255'
      local first = call('ZRANGEBYLEX', K.waiting, '[' .. lane, upto, 'LIMIT', 0, 1)[1]
      if first then
        call('ZADD', hints, hint(lane, unpick('>I7', first, 7)), lane)
      else
        call('ZREM', hints, lane)
        if hints == K.suspects and call('ZCARD', hints) == 0 then call('HDEL', K.names, '#x') end
      end
    end
  end
end
